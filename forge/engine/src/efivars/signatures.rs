//! The lists of certificates and hashes that firmware and shim keep.
//!
//! Format: the UEFI specification, section 32.4.1, `EFI_SIGNATURE_LIST`: type (GUID), length of the list, of a header
//! and of one entry (each `u32`, little-endian), the header, then entries: an owner (GUID) and the data.

/// What an entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureKind {
    /// A certificate, DER.
    X509,
    /// The SHA-256 of an image (Authenticode) or, in shim's lists, the same.
    Sha256,
    /// The SHA-256 of the signed part of a certificate, which is revoked with all that it signed.
    X509Sha256,
    /// Something else.
    Other,
}

/// An entry of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature<'a> {
    /// What it holds.
    pub kind: SignatureKind,
    /// The certificate, or the hash.
    pub data: &'a [u8],
}

/// The length of what stands before the entries: a GUID and three lengths.
const HEADER: usize = 28;
/// The length of an entry's owner.
const OWNER: usize = 16;

/// `EFI_CERT_X509_GUID`: a5c059a1-94e4-4aa7-87b5-ab155c2bf072.
const X509: uuid::Uuid = uuid::uuid!("a5c059a1-94e4-4aa7-87b5-ab155c2bf072");
/// `EFI_CERT_SHA256_GUID`: c1c41626-504c-4092-aca9-41f936934328.
const SHA256: uuid::Uuid = uuid::uuid!("c1c41626-504c-4092-aca9-41f936934328");
/// `EFI_CERT_X509_SHA256_GUID`: 3bd2a492-96c0-4079-b420-fcf98ef103ed.
const X509_SHA256: uuid::Uuid = uuid::uuid!("3bd2a492-96c0-4079-b420-fcf98ef103ed");

/// The entries of all lists in a variable's content; ends where the content stops to make sense.
pub fn signatures(content: &[u8]) -> Vec<Signature<'_>> {
    let mut found = Vec::new();
    let mut rest = content;
    while let Some((kind, header, entry, list)) = first_list(rest) {
        let entries = list.get(HEADER + header..).unwrap_or_default();
        found.extend(entries.chunks_exact(entry).map(|entry| Signature { kind, data: &entry[OWNER..] }));
        rest = &rest[list.len()..];
    }
    found
}

/// The first list: its kind, the lengths of its header and of its entries, and all its bytes.
fn first_list(content: &[u8]) -> Option<(SignatureKind, usize, usize, &[u8])> {
    let (kind, lengths) = content.split_first_chunk::<16>()?;
    let length = |place: usize| {
        let bytes = lengths.get(place..place + 4)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    };
    let (whole, header, entry) = (length(0)?, length(4)?, length(8)?);
    let list = content.get(..whole).filter(|_| whole >= HEADER && entry > OWNER && header <= whole)?;
    let kind = match uuid::Uuid::from_bytes_le(*kind) {
        X509 => SignatureKind::X509,
        SHA256 => SignatureKind::Sha256,
        X509_SHA256 => SignatureKind::X509Sha256,
        _ => SignatureKind::Other,
    };
    Some((kind, header, entry, list))
}
