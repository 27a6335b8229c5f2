use std::collections::BTreeMap;

use super::*;

#[test]
fn a_common_code_is_sixteen_letters_with_sixty_four_bits() {
    let alphabet = Alphabet::common();
    assert_eq!(alphabet.length(), 16);
    let code = Code::generate(&alphabet).unwrap();
    assert_eq!(code.typed().len(), 16);
    assert!(code.typed().bytes().all(|byte| b"bcdefghjknprstux".contains(&byte)));
}

#[test]
fn a_code_has_at_least_sixty_bits_from_any_alphabet() {
    let all = "0123456789abcdefghijklmnopqrstuvwxyz";
    for size in 10..=36 {
        let alphabet = Alphabet::new(&all[..size]).unwrap();
        let bits = alphabet.length() as f64 * (size as f64).log2();
        assert!(bits >= 60.0, "{size} characters: {bits} bits");
        assert!(alphabet.length().is_multiple_of(4));
    }
}

#[test]
fn a_code_is_read_in_fours_and_the_dashes_are_not_typed() {
    let code = Code::generate(&Alphabet::common()).unwrap();
    let groups: Vec<String> = code.grouped().split('-').map(str::to_owned).collect();
    assert!(groups.iter().all(|group| group.len() == 4), "{groups:?}");
    assert_eq!(groups.concat(), **code.typed());
}

#[test]
fn every_character_is_equally_likely() {
    // 23 does not divide 256: without care the first three characters would come up a tenth more often.
    let alphabet = Alphabet::new("0123456789abcdefghijklm").unwrap();
    let mut seen = BTreeMap::new();
    let codes = 20_000;
    for _ in 0..codes {
        for character in Code::generate(&alphabet).unwrap().typed().chars() {
            *seen.entry(character).or_insert(0_u32) += 1;
        }
    }
    let expected = f64::from(codes) * alphabet.length() as f64 / 23.0;
    let distance: f64 = seen.values().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
    assert_eq!(seen.len(), 23);
    // Chi-squared with 22 degrees of freedom passes 68 once in a million runs; a careless draw gives about 1000.
    assert!(distance < 68.0, "{distance}");
}

#[test]
fn alphabets_that_cannot_make_a_good_code_are_refused() {
    for characters in ["", "abcdefghi", "aabcdefghij", "ABCDEFGHIJKL", "abcdefghijkö", "abcdefghij-"] {
        let error = Alphabet::new(characters).unwrap_err();
        assert!(matches!(error, CodeError::Alphabet), "{characters}");
    }
}

#[test]
fn a_code_does_not_print() {
    let code = Code::generate(&Alphabet::common()).unwrap();
    assert_eq!(format!("{code:?} {code:#?}"), "Code(..) Code(..)");
}
