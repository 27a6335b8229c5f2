//! `forge-sealed`, version 1: three lines of ASCII, each ended by a line feed.
//!
//! 1. The header, a JSON object: how the key comes from the passphrase, and the nonce.
//! 2. Base64 (RFC 4648, section 4) of the encrypted text and the 16 bytes of its tag.
//! 3. SHA-256 of the two lines, in hexadecimal digits: it tells a damaged file from a wrong passphrase, and no more.
//!
//! Argon2id (RFC 9106, version 0x13) makes 32 bytes of the passphrase's UTF-8 and the salt. ChaCha20-Poly1305
//! (RFC 8439) encrypts with them. The header without its line feed is the associated data, so nobody can change it.

use super::{OpenError, Parameter, SEALED_LIMIT, SealError, TEXT_LIMIT, room};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use forge_model::Secret;
use openssl::{
    base64::{decode_block, encode_block},
    error::ErrorStack,
    memcmp,
    sha::sha256,
    symm::{Cipher, Crypter, Mode, encrypt_aead},
};
use rand::{TryRng, rngs::SysRng};
use serde::{Deserialize, Serialize};
use std::str;
use zeroize::Zeroizing;

/// How every file of the format begins; this program writes the header without spaces.
pub(super) const BEGINNING: &str = "{\"format\":\"forge-sealed\",";
const FORMAT: &str = "forge-sealed";
const VERSION: u32 = 1;
const KDF: &str = "argon2id";
const CIPHER: &str = "chacha20-poly1305";
const SALT: usize = 16;
const NONCE: usize = 12;
const TAG: usize = 16;
const KEY: usize = 32;

/// What a new file is sealed with.
///
/// Four times the memory of RFC 9106's second recommendation (section 4), and its passes and lanes. Its first one,
/// 2 GiB, is more than a small machine has beside a live system, and what was sealed there has to be opened anywhere.
const WORK: Work = Work { memory_kib: 256 << 10, passes: 3, lanes: 4 };

/// The most that a file may ask for when it is opened: 1 GiB, and some seconds.
const MOST: Work = Work { memory_kib: 1 << 20, passes: 16, lanes: 16 };

/// How hard it is to try a passphrase.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Header {
    format: Format,
    version: u32,
    kdf: Kdf,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    #[serde(with = "hex::serde")]
    salt: Vec<u8>,
    cipher: Aead,
    #[serde(with = "hex::serde")]
    nonce: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
enum Format {
    #[serde(rename = "forge-sealed")]
    ForgeSealed,
}

#[derive(Serialize, Deserialize)]
enum Kdf {
    #[serde(rename = "argon2id")]
    Argon2id,
}

#[derive(Serialize, Deserialize)]
enum Aead {
    #[serde(rename = "chacha20-poly1305")]
    ChaCha20Poly1305,
}

/// What every version has in its header.
#[derive(Deserialize)]
struct Beginning {
    version: u32,
}

/// Seals a text to a passphrase.
///
/// # Errors
/// When the passphrase is empty, the text too long, memory short, or the random source or a library fails.
pub fn seal_to_passphrase(text: &[u8], passphrase: &Secret) -> Result<Vec<u8>, SealError> {
    seal_with(WORK, text, passphrase)
}

/// The same with other work; tests take less.
pub(super) fn seal_with(work: Work, text: &[u8], passphrase: &Secret) -> Result<Vec<u8>, SealError> {
    if passphrase.expose().is_empty() {
        return Err(SealError::EmptyPassphrase);
    }
    if text.len() > TEXT_LIMIT {
        return Err(SealError::TooLong);
    }
    let (mut salt, mut nonce) = ([0; SALT], [0; NONCE]);
    SysRng.try_fill_bytes(&mut salt)?;
    SysRng.try_fill_bytes(&mut nonce)?;
    let key = key(work, &salt, passphrase, room::available()).map_err(|error| match error {
        KeyError::NoMemory => SealError::NoMemory { mib: work.memory_kib >> 10 },
        KeyError::Argon2(error) => SealError::Argon2(error),
    })?;
    // Written out rather than serialised: the order of the keys is the format's.
    let Work { memory_kib, passes, lanes } = work;
    let header = format!(
        "{{\"format\":\"{FORMAT}\",\"version\":{VERSION},\"kdf\":\"{KDF}\",\"memory-kib\":{memory_kib},\
         \"passes\":{passes},\"lanes\":{lanes},\"salt\":\"{}\",\"cipher\":\"{CIPHER}\",\"nonce\":\"{}\"}}",
        hex::encode(salt),
        hex::encode(nonce)
    );
    let mut tag = [0; TAG];
    let mut body = encrypt_aead(Cipher::chacha20_poly1305(), &*key, Some(&nonce), header.as_bytes(), text, &mut tag)?;
    body.extend_from_slice(&tag);
    let lines = format!("{header}\n{}\n", encode_block(&body));
    let sum = hex::encode(sha256(lines.as_bytes()));
    Ok(format!("{lines}{sum}\n").into_bytes())
}

/// Whether a file is whole and can be opened by somebody who has the passphrase.
///
/// # Errors
/// As [`open_with_passphrase`], but for a wrong passphrase.
pub fn check_form(sealed: &[u8]) -> Result<(), OpenError> {
    lines(sealed).and_then(|(header, _)| parse(header)).map(drop)
}

/// Opens what [`seal_to_passphrase`] sealed.
///
/// # Errors
/// When the file is not whole, asks for more work than anybody seals with or for more memory than there is, or does not
/// fit the passphrase.
pub fn open_with_passphrase(sealed: &[u8], passphrase: &Secret) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    open_within(room::available(), sealed, passphrase)
}

/// The same where so many KiB of memory can be had; nothing where that is not known.
pub(super) fn open_within(
    available: Option<u64>,
    sealed: &[u8],
    passphrase: &Secret,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (header, body) = lines(sealed)?;
    let read = parse(header)?;
    let body = decode_block(body).map_err(|_| OpenError::Damaged)?;
    let Some((text, tag)) = body.split_last_chunk::<TAG>() else {
        return Err(OpenError::Damaged);
    };
    let work = Work { memory_kib: read.memory_kib, passes: read.passes, lanes: read.lanes };
    let key = key(work, &read.salt, passphrase, available).map_err(|error| match error {
        KeyError::NoMemory => OpenError::NoMemory { mib: work.memory_kib >> 10 },
        KeyError::Argon2(error) => OpenError::Argon2(error),
    })?;
    decrypt(&key, &read.nonce, header.as_bytes(), text, tag).map_err(|_| OpenError::WrongPassphrase)
}

/// The first two lines, once the third says that they are whole.
fn lines(sealed: &[u8]) -> Result<(&str, &str), OpenError> {
    if sealed.len() > SEALED_LIMIT {
        return Err(OpenError::TooLong);
    }
    let shared = sealed.len().min(BEGINNING.len());
    if sealed.is_empty() || sealed[..shared] != BEGINNING.as_bytes()[..shared] {
        return Err(OpenError::NotSealed);
    }
    // Only a fault puts something else than ASCII here.
    let text = str::from_utf8(sealed).map_err(|_| OpenError::Damaged)?;
    let mut ends = text.match_indices('\n').map(|(end, _)| end);
    let (Some(first), Some(second), Some(third)) = (ends.next(), ends.next(), ends.next()) else {
        return Err(OpenError::Cut);
    };
    let sum = hex::encode(sha256(&sealed[..=second]));
    let said = &text[second + 1..third];
    if third + 1 != text.len() || said.len() != sum.len() || !memcmp::eq(said.as_bytes(), sum.as_bytes()) {
        return Err(OpenError::Damaged);
    }
    Ok((&text[..first], &text[first + 1..second]))
}

fn parse(header: &str) -> Result<Header, OpenError> {
    let Beginning { version } = serde_json::from_str(header).map_err(OpenError::Header)?;
    if version != VERSION {
        return Err(OpenError::Version(version));
    }
    let header: Header = serde_json::from_str(header).map_err(OpenError::Header)?;
    let within = |parameter, found: u64, least: u64, most: u64| match (least..=most).contains(&found) {
        true => Ok(()),
        false => Err(OpenError::Absurd { parameter, found, least, most }),
    };
    within(Parameter::Lanes, header.lanes.into(), 1, MOST.lanes.into())?;
    // RFC 9106, section 3.1: at least eight blocks for each lane.
    within(Parameter::Memory, header.memory_kib.into(), u64::from(header.lanes) * 8, MOST.memory_kib.into())?;
    within(Parameter::Passes, header.passes.into(), 1, MOST.passes.into())?;
    within(Parameter::Salt, header.salt.len() as u64, SALT as u64, SALT as u64)?;
    within(Parameter::Nonce, header.nonce.len() as u64, NONCE as u64, NONCE as u64)?;
    Ok(header)
}

enum KeyError {
    NoMemory,
    Argon2(argon2::Error),
}

/// Argon2id of a passphrase. Its memory is wiped.
fn key(work: Work, salt: &[u8], passphrase: &Secret, available: Option<u64>) -> Result<Zeroizing<[u8; KEY]>, KeyError> {
    // A file asks for what whoever made it likes. On a small machine the kernel would end another process for it.
    if available.is_some_and(|kib| kib < work.memory_kib.into()) {
        return Err(KeyError::NoMemory);
    }
    let params = Params::new(work.memory_kib, work.passes, work.lanes, Some(KEY)).map_err(KeyError::Argon2)?;
    // Asked for by hand: a failing allocation ends the process otherwise.
    let mut blocks = Zeroizing::new(Vec::new());
    blocks.try_reserve_exact(params.block_count()).map_err(|_| KeyError::NoMemory)?;
    blocks.resize(params.block_count(), Block::new());
    let mut key = Zeroizing::new([0; KEY]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(passphrase.expose().as_bytes(), salt, &mut *key, blocks.as_mut_slice())
        .map_err(KeyError::Argon2)?;
    Ok(key)
}

/// Decrypts into memory that is wiped also when the tag turns out to be wrong.
fn decrypt(
    key: &[u8; KEY],
    nonce: &[u8],
    associated: &[u8],
    body: &[u8],
    tag: &[u8; TAG],
) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
    let cipher = Cipher::chacha20_poly1305();
    let mut text = Zeroizing::new(vec![0; body.len() + cipher.block_size()]);
    let mut crypter = Crypter::new(cipher, Mode::Decrypt, key, Some(nonce))?;
    crypter.aad_update(associated)?;
    crypter.set_tag(tag)?;
    let mut length = crypter.update(body, &mut text)?;
    length += crypter.finalize(&mut text[length..])?;
    text.truncate(length);
    Ok(text)
}
