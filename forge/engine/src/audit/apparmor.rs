//! AppArmor: on, and every profile enforced.

use super::{Look, Root};

const PROFILES: &str = "/sys/kernel/security/apparmor/profiles";

/// Looks at the profiles that the kernel has loaded, and in which mode.
pub fn look(root: &Root) -> Look {
    match root.text(PROFILES) {
        Ok(profiles) => modes(&profiles),
        Err(error) if error.is_absent() => Look::failed(format_args!("AppArmor is not on: {error}")),
        Err(error) => Look::unknown(error),
    }
}

/// A line is `NAME (MODE)`; in `enforce` and in `kill` what a profile does not allow is refused.
fn modes(profiles: &str) -> Look {
    let mut look = Look::default();
    let mut enforced = 0;
    for line in profiles.lines().filter(|line| !line.trim().is_empty()) {
        let (name, mode) = line.trim().rsplit_once(" (").unwrap_or((line, ""));
        match mode.trim_end_matches(')') {
            "enforce" | "kill" => enforced += 1,
            mode => look.fault(format_args!("{PROFILES}: {name} is in mode {mode:?}")),
        }
    }
    look.expect(enforced > 0, format_args!("{PROFILES}: {enforced} profiles are enforced"));
    look
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_that_only_complains_is_named() {
        let look = modes("forge-helper (enforce)\n/usr/bin/my tool (v2) (complain)\nkilled (kill)\n");
        assert_eq!(look.faults, [format!("{PROFILES}: /usr/bin/my tool (v2) is in mode \"complain\"")]);
        assert_eq!(look.facts, [format!("{PROFILES}: 2 profiles are enforced")]);
    }

    #[test]
    fn a_profile_that_confines_nothing_and_no_profile_at_all_are_faults() {
        assert_eq!(modes("steam (unconfined)\nx (enforce)\n").faults.len(), 1);
        assert_eq!(modes("").faults.len(), 1);
        assert!(modes("x (enforce)\n").faults.is_empty());
    }
}
