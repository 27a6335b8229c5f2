use rand::{TryRng, rngs::SysRng};

use super::*;

const X509: [u8; 16] = [0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72];
const SHA256: [u8; 16] =
    [0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40, 0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28];

fn list(kind: [u8; 16], header: &[u8], entries: &[&[u8]]) -> Vec<u8> {
    let entry = 16 + entries[0].len();
    let mut bytes = kind.to_vec();
    for length in [28 + header.len() + entry * entries.len(), header.len(), entry] {
        bytes.extend((length as u32).to_le_bytes());
    }
    bytes.extend(header);
    for data in entries {
        bytes.extend([9; 16]);
        bytes.extend(*data);
    }
    bytes
}

#[test]
fn several_lists_give_all_their_entries() {
    let content =
        [list(X509, b"", &[b"certificate"]), list(SHA256, b"head", &[&[1; 32], &[2; 32]]), list([7; 16], b"", &[b"x"])];
    let content = content.concat();
    let found: Vec<_> = signatures(&content).iter().map(|entry| (entry.kind, entry.data.to_vec())).collect();
    let expected = [
        (SignatureKind::X509, b"certificate".to_vec()),
        (SignatureKind::Sha256, vec![1; 32]),
        (SignatureKind::Sha256, vec![2; 32]),
        (SignatureKind::Other, b"x".to_vec()),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_list_that_claims_more_than_there_is_ends_the_walk() {
    let good = list(X509, b"", &[b"certificate"]);
    for length in 0..good.len() {
        assert!(signatures(&good[..length]).is_empty(), "{length}");
    }
    let mut endless = good.clone();
    endless[16..20].copy_from_slice(&0_u32.to_le_bytes());
    assert!(signatures(&endless).is_empty());
}

#[test]
fn no_content_makes_the_walk_stop_to_be_safe() {
    // Random lengths in a real list: the walk ends, and gives nothing that is not in the content.
    let good = [list(X509, b"", &[b"certificate"]), list(SHA256, b"head", &[&[1; 32]])].concat();
    let mut random = [0; 12];
    for round in 0..20_000 {
        SysRng.try_fill_bytes(&mut random).unwrap();
        let mut content = good.clone();
        for change in random.chunks_exact(3).take(1 + round % 4) {
            let place = usize::from(change[0]) % content.len();
            content[place] = change[1];
        }
        content.truncate(content.len() - usize::from(random[11]) % 64);
        let total: usize = signatures(&content).iter().map(|entry| entry.data.len()).sum();
        assert!(total <= content.len());
    }
}
