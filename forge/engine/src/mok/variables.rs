//! The variables that ask shim to enroll a certificate, byte for byte as `mokutil --import --hash-file` writes them.
//!
//! Formats: `EFI_SIGNATURE_LIST` from the UEFI specification, section 32.4.1; `PASSWORD_CRYPT` and `MokTimeoutvar`
//! from shim's `PasswordCrypt.h` and `MokManager.c`.

use std::fmt;

use rand::TryRng;
use rand::rngs::{SysError, SysRng};
use serde::Serialize;
use sha_crypt::{Algorithm, Params, PasswordHasher, ShaCrypt};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

/// Whom shim's own variables belong to: 605dab50-e046-4300-abb6-3dd810dd8b23.
pub const SHIM_LOCK_GUID: &str = "605dab50-e046-4300-abb6-3dd810dd8b23";
/// [`SHIM_LOCK_GUID`] as it lies in memory (`EFI_GUID`: the first three fields are little-endian).
const SHIM_LOCK: [u8; 16] =
    [0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43, 0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23];
/// `EFI_CERT_X509_GUID`, a5c059a1-94e4-4aa7-87b5-ab155c2bf072: the list holds certificates.
const CERT_X509: [u8; 16] =
    [0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72];
/// Non-volatile, seen by boot services and at run time.
const ATTRIBUTES: u32 = 7;
/// `SHA512_BASED` in shim's list of hash methods.
const SHA512_CRYPT: u16 = 4;
/// The rounds of SHA-512 crypt when its string names none.
const ROUNDS: u32 = Params::RECOMMENDED_ROUNDS;
/// Random bytes in a salt, which make the 16 characters that SHA-512 crypt uses at most.
const SALT_BYTES: usize = 12;
/// The longest password that MokManager reads.
const PASSWORD_LIMIT: usize = 255;
/// A certificate is some hundred bytes; firmware has little room.
const CERTIFICATE_LIMIT: usize = 16 << 10;

/// Why no request could be made.
#[derive(Debug, Error)]
pub enum VariableError {
    /// The code is empty, too long for MokManager, or has spaces or characters beyond ASCII.
    #[error("an enrollment code needs 1 to {PASSWORD_LIMIT} ASCII characters, without spaces")]
    Code,
    /// The certificate is empty or larger than fits into firmware variables.
    #[error("a certificate of {0} bytes cannot be enrolled")]
    Certificate(usize),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[from] SysError),
    /// The hash function refused its input.
    #[error("the enrollment code could not be hashed")]
    Hash(#[source] sha_crypt::password_hash::Error),
}

/// The enrollment code's SHA-512 crypt hash. It does not print: whoever has it can search for the code.
pub struct PasswordHash {
    salt: String,
    digest: Zeroizing<[u8; 64]>,
    line: Zeroizing<String>,
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

impl PasswordHash {
    /// Hashes the code with a random salt.
    ///
    /// # Errors
    /// When MokManager could not read such a code, or there are no random bytes.
    pub fn new(code: &Zeroizing<String>) -> Result<Self, VariableError> {
        let mut salt = [0; SALT_BYTES];
        SysRng.try_fill_bytes(&mut salt)?;
        Self::salted(code, salt)
    }

    /// Hashes the code with this salt.
    pub(super) fn salted(code: &Zeroizing<String>, salt: [u8; SALT_BYTES]) -> Result<Self, VariableError> {
        let fits = (1..=PASSWORD_LIMIT).contains(&code.len());
        if !fits || !code.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(VariableError::Code);
        }
        // The crate encodes the salt's bytes and says `$6$rounds=5000$SALT$HASH`; mokutil leaves out the usual rounds.
        let string = ShaCrypt::new(Algorithm::Sha512Crypt, Params::RECOMMENDED)
            .hash_password_with_salt(code.as_bytes(), &salt)
            .map_err(VariableError::Hash)?;
        let line = Zeroizing::new(string.as_str().replacen(&format!("rounds={ROUNDS}$"), "", 1));
        let salt = line.split('$').nth(2).unwrap_or_default().to_owned();
        let digest = sha_crypt::sha512_crypt(code.as_bytes(), salt.as_bytes(), Params::RECOMMENDED);
        Ok(Self { salt, digest: Zeroizing::new(digest), line })
    }

    /// The file that `mokutil --import --hash-file` takes: `$6$salt$hash` and a line end.
    #[must_use]
    pub fn hash_file(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([self.line.as_bytes(), b"\n"].concat())
    }

    /// `PASSWORD_CRYPT`, 172 bytes, little-endian: method u16, rounds u64, salt length u16, salt [32], digest [128].
    fn mok_auth(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(172);
        bytes.extend(SHA512_CRYPT.to_le_bytes());
        bytes.extend(u64::from(ROUNDS).to_le_bytes());
        bytes.extend((self.salt.len() as u16).to_le_bytes());
        bytes.extend(self.salt.as_bytes());
        bytes.resize(12 + 32, 0);
        bytes.extend(&self.digest[..]);
        bytes.resize(172, 0);
        bytes
    }
}

/// One EFI variable.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    /// The variable's name.
    pub name: &'static str,
    /// The vendor GUID, in the usual spelling.
    pub guid: &'static str,
    /// The attributes, as in the UEFI specification.
    pub attributes: u32,
    /// The content.
    pub data: Vec<u8>,
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.data.len())
    }
}

impl Drop for Variable {
    fn drop(&mut self) {
        self.data.zeroize();
    }
}

/// A request to enroll one certificate, to be answered by the person in MokManager at the next boot.
#[derive(Debug)]
pub struct Request {
    variables: [Variable; 3],
}

/// What `virt-fw-vars --set-json` reads.
#[derive(Serialize)]
struct File<'a> {
    version: u32,
    variables: Vec<Entry<'a>>,
}

/// One variable in that file.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    guid: &'a str,
    attr: u32,
    data: String,
}

impl Request {
    /// Asks for `certificate` (DER) to be enrolled by whoever knows the code.
    ///
    /// # Errors
    /// When the certificate is empty or too large.
    pub fn enroll(certificate: &[u8], code: &PasswordHash) -> Result<Self, VariableError> {
        let variable = |name, data| Variable { name, guid: SHIM_LOCK_GUID, attributes: ATTRIBUTES, data };
        Ok(Self {
            variables: [
                variable("MokNew", mok_new(certificate)?),
                variable("MokAuth", code.mok_auth()),
                // An INT32. A negative one makes MokManager wait for a key instead of counting down from ten and
                // dropping the request. MokManager deletes it when it has read it. `mokutil --timeout -1` writes this.
                variable("MokTimeout", (-1_i32).to_le_bytes().to_vec()),
            ],
        })
    }

    /// The variables: MokNew, MokAuth and MokTimeout.
    #[must_use]
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// The variables in the JSON that `virt-fw-vars --set-json` writes into a virtual machine's firmware.
    ///
    /// # Errors
    /// Only what `serde_json` may report; there is no input that does.
    pub fn virt_fw_vars_json(&self) -> Result<Zeroizing<String>, serde_json::Error> {
        let variables = self.variables.iter().map(|variable| Entry {
            name: variable.name,
            guid: variable.guid,
            attr: variable.attributes,
            data: variable.data.iter().map(|byte| format!("{byte:02x}")).collect(),
        });
        let file = File { version: 2, variables: variables.collect() };
        serde_json::to_string_pretty(&file).map(Zeroizing::new)
    }
}

/// One `EFI_SIGNATURE_LIST` with one X.509 certificate, owned by shim.
fn mok_new(certificate: &[u8]) -> Result<Vec<u8>, VariableError> {
    let length = certificate.len();
    if length == 0 || length > CERTIFICATE_LIMIT {
        return Err(VariableError::Certificate(length));
    }
    let signature = 16 + length as u32;
    let list = 28 + signature;
    let mut bytes = Vec::with_capacity(list as usize);
    bytes.extend(CERT_X509);
    bytes.extend(list.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(signature.to_le_bytes());
    bytes.extend(SHIM_LOCK);
    bytes.extend(certificate);
    Ok(bytes)
}
