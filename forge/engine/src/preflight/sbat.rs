//! Generations of boot programs (SBAT), and the level below which shim refuses them.
//!
//! Format: shim's `SBAT.md`: lines of values with commas between them; the first is a component, the second its
//! generation. A level begins with `sbat,1,DATE`. A shim holds two levels of its own in the section `.sbatlevel`
//! (`sbat_var.S`): a version (`u32`, 0), the places of the automatic and of the latest level counted from there, and both
//! as texts that end with a zero byte.

/// The lowest generations that are let through.
pub struct Level {
    lowest: Vec<(String, u32)>,
}

impl Level {
    /// The level that will be in force when this shim has started once: the newer one of what the firmware holds, and of
    /// what shim brings. shim replaces an older one by its own.
    pub fn in_force(firmware: Option<&[u8]>, shim: Option<&[u8]>) -> Option<Self> {
        let newest = [firmware, shim].into_iter().flatten().max_by_key(|level| date(level))?;
        Some(Self { lowest: generations(newest) })
    }

    /// The lowest generation of a component, if it has one.
    pub fn of(&self, component: &str) -> Option<u32> {
        self.lowest.iter().find(|(name, _)| name == component).map(|(_, lowest)| *lowest)
    }
}

/// Every component with its generation. What is no such line is left out.
pub fn generations(text: &[u8]) -> Vec<(String, u32)> {
    let line = |line: &str| {
        let mut values = line.split(',');
        let (component, generation) = (values.next()?.trim(), values.next()?.trim().parse().ok()?);
        (!component.is_empty()).then(|| (component.to_owned(), generation))
    };
    until_zero(text).lines().filter_map(line).collect()
}

/// The level that a shim sets by itself.
pub fn automatic(section: &[u8]) -> Option<&[u8]> {
    let (version, levels) = section.split_first_chunk::<4>()?;
    let place = u32::from_le_bytes(*levels.first_chunk::<4>()?);
    (u32::from_le_bytes(*version) == 0).then_some(levels)?.get(usize::try_from(place).ok()?..)
}

/// The date of a level; the oldest one where it has none.
fn date(level: &[u8]) -> u64 {
    let text = until_zero(level);
    let mut first = text.lines().next().unwrap_or_default().split(',');
    if first.next() == Some("sbat") { first.nth(1).and_then(|date| date.trim().parse().ok()).unwrap_or(0) } else { 0 }
}

fn until_zero(text: &[u8]) -> String {
    String::from_utf8_lossy(text.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}
