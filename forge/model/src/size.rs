//! Sizes in bytes: units, rounding, and how they are written for people.

/// 1 KiB in bytes.
pub const KIB: u64 = 1 << 10;
/// 1 MiB in bytes; partitions start and end on multiples of it.
pub const MIB: u64 = 1 << 20;
/// 1 GiB in bytes.
pub const GIB: u64 = 1 << 30;

/// The smallest multiple of `unit` that is not below `bytes`.
pub fn round_up(bytes: u64, unit: u64) -> u64 {
    bytes.div_ceil(unit) * unit
}

/// The largest multiple of `unit` that is not above `bytes`.
pub fn round_down(bytes: u64, unit: u64) -> u64 {
    bytes / unit * unit
}

/// A size in binary units with one decimal at most: "3.5 GiB", "512 MiB", "17 B".
pub fn words(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")];
    for (unit, name) in UNITS {
        if bytes >= unit {
            let tenths = (u128::from(bytes) * 10 / u128::from(unit)) as u64;
            return match tenths % 10 {
                0 => format!("{} {name}", tenths / 10),
                part => format!("{}.{part} {name}", tenths / 10),
            };
        }
    }
    format!("{bytes} B")
}

/// A size in the units in which disks are sold, with one decimal at most: "500.1 GB".
pub fn decimal_words(bytes: u64) -> String {
    for (name, unit) in NAMED[1..5].iter().rev() {
        if bytes >= *unit {
            let tenths = (u128::from(bytes) * 10 / u128::from(*unit)) as u64;
            return match tenths % 10 {
                0 => format!("{} {name}", tenths / 10),
                part => format!("{}.{part} {name}", tenths / 10),
            };
        }
    }
    format!("{bytes} B")
}

/// Names of units and what they are in bytes. Makers of disks count in thousands, as the first ones do.
const NAMED: [(&str, u64); 9] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", KIB),
    ("MiB", MIB),
    ("GiB", GIB),
    ("TiB", 1 << 40),
];

/// The bytes of a size as a person writes it: digits, a fraction perhaps, and a unit that can not be misread: "200GB",
/// "1.5TB", "180GiB". Nothing for anything else, and where there are no whole bytes.
pub fn parse(text: &str) -> Option<u64> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = NAMED.iter().find(|(name, _)| *name == &text[number.len()..])?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| (!part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok());
    let (whole, part): (u64, u64) = (digits(whole)??, digits(fraction)??);
    let scale = 10_u128.checked_pow(fraction.len().try_into().ok()?)?;
    let part = u128::from(part) * u128::from(unit);
    let bytes = u128::from(whole) * u128::from(unit) + part / scale;
    (part % scale == 0).then(|| bytes.try_into().ok())?
}

/// A size that [`parse`] reads back to the same bytes, in the largest unit that leaves no fraction.
pub fn exact(bytes: u64) -> String {
    let fits = |(_, unit): &&(&str, u64)| bytes != 0 && bytes.is_multiple_of(*unit);
    let (name, unit) = NAMED.iter().filter(fits).max_by_key(|(_, unit)| *unit).unwrap_or(&NAMED[0]);
    format!("{}{name}", bytes / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_a_person_would_write_them() {
        assert_eq!(words(17), "17 B");
        assert_eq!(words(512 * MIB), "512 MiB");
        assert_eq!(words(3 * GIB + GIB / 2), "3.5 GiB");
        assert_eq!(words(u64::MAX), "16777215.9 TiB");
    }

    #[test]
    fn a_disk_has_the_size_that_it_is_sold_with() {
        assert_eq!(decimal_words(500_107_862_016), "500.1 GB");
        assert_eq!(decimal_words(2_000_000_000_000), "2 TB");
        assert_eq!(decimal_words(999), "999 B");
    }

    #[test]
    fn rounding_keeps_multiples() {
        assert_eq!(round_up(MIB, MIB), MIB);
        assert_eq!(round_up(MIB + 1, MIB), 2 * MIB);
        assert_eq!(round_down(2 * MIB - 1, MIB), MIB);
    }

    #[test]
    fn a_size_with_its_unit_is_read_and_written_back() {
        for (text, bytes) in [
            ("200GB", 200_000_000_000),
            ("1TB", 1_000_000_000_000),
            ("1.5TB", 1_500_000_000_000),
            ("180GiB", 180 * GIB),
            ("0.5KiB", 512),
            ("17B", 17),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
            assert_eq!(parse(&exact(bytes)), Some(bytes), "{text}");
        }
        assert_eq!(exact(200_000_000_000), "200GB");
        assert_eq!(exact(3 * GIB), "3GiB");
        assert_eq!(exact(0), "0B");
    }

    #[test]
    fn whatever_could_be_misread_is_no_size() {
        for text in [
            "",
            "200",
            "GB",
            "200gb",
            "200 GB",
            "200G",
            "-1GB",
            "1,5TB",
            "1.TB",
            ".5TB",
            "0.3B",
            "99999999TiB",
            "1e3GB",
            "+1B",
            "２GB",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
