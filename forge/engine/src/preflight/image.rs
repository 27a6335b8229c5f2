//! What of an EFI image decides whether it is started.

use super::sbat;
use goblin::pe::PE;
use openssl::{
    pkcs7::{Pkcs7, Pkcs7Flags},
    sha::Sha256,
    stack::Stack,
    x509::X509,
};

/// `WIN_CERT_TYPE_PKCS_SIGNED_DATA`: an Authenticode signature.
const PKCS_SIGNED_DATA: u16 = 2;

/// An EFI image, as the checks see it.
pub struct Image {
    /// Its Authenticode SHA-256.
    pub digest: [u8; 32],
    /// Who signed it, with the other certificates in each signature.
    pub signers: Vec<(X509, Vec<X509>)>,
    /// Its components with their generations; nothing where it does not say.
    pub generations: Option<Vec<(String, u32)>>,
    /// The generations that shim itself demands from its first start on; only shim has this.
    pub built_in_level: Option<Vec<u8>>,
}

impl Image {
    /// Reads an image; nothing where it is none.
    ///
    /// The signed index has vouched for these bytes: this is no place where an attacker's images arrive.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let pe = PE::parse(bytes).ok()?;
        let mut hasher = Sha256::new();
        pe.authenticode_ranges().for_each(|range| hasher.update(range));
        let signatures = pe.certificates.iter().filter(|found| found.certificate_type as u16 == PKCS_SIGNED_DATA);
        Some(Self {
            digest: hasher.finish(),
            signers: signatures.filter_map(|found| signer(found.certificate)).collect(),
            generations: section(&pe, bytes, ".sbat").map(sbat::generations),
            built_in_level: section(&pe, bytes, ".sbatlevel").and_then(sbat::automatic).map(<[u8]>::to_vec),
        })
    }
}

/// The signer of an Authenticode signature, and the other certificates in it.
fn signer(signature: &[u8]) -> Option<(X509, Vec<X509>)> {
    let signature = Pkcs7::from_der(signature).ok()?;
    let signers = signature.signers(&*Stack::new().ok()?, Pkcs7Flags::empty()).ok()?;
    let signer = signers.iter().next()?.to_owned();
    let others = signature.signed()?.certificates()?.iter().map(ToOwned::to_owned).collect();
    Some((signer, others))
}

/// The contents of a section.
fn section<'a>(pe: &PE<'_>, bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let section = pe.sections.iter().find(|section| section.name().is_ok_and(|found| found == name))?;
    let start = usize::try_from(section.pointer_to_raw_data).ok()?;
    let length = usize::try_from(section.size_of_raw_data.min(section.virtual_size)).ok()?;
    bytes.get(start..start.checked_add(length)?)
}
