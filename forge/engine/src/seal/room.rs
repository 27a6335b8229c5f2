//! How much memory can be had. An allocation does not tell: Linux grants more than there is, and ends a process later.

use std::fs;

/// KiB that can be had without swapping, as the kernel estimates it (`MemAvailable`, proc_meminfo(5)); nothing where it
/// does not show, as in a unit with `ProcSubset=pid`.
pub(super) fn available() -> Option<u64> {
    fs::read_to_string("/proc/meminfo").ok().and_then(|text| said(&text))
}

fn said(meminfo: &str) -> Option<u64> {
    let value = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_estimate_is_read_and_something_else_is_not_taken_for_it() {
        let meminfo = "MemTotal:        2014516 kB\nMemFree:          123456 kB\nMemAvailable:     987654 kB\n";
        assert_eq!(said(meminfo), Some(987_654));
        for other in ["", "MemFree: 123456 kB\n", "MemAvailable: many kB\n", "MemAvailable: 7\n"] {
            assert_eq!(said(other), None, "{other}");
        }
        assert!(available().is_some_and(|kib| kib > 0));
    }
}
