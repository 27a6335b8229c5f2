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
    fn rounding_keeps_multiples() {
        assert_eq!(round_up(MIB, MIB), MIB);
        assert_eq!(round_up(MIB + 1, MIB), 2 * MIB);
        assert_eq!(round_down(2 * MIB - 1, MIB), MIB);
    }
}
