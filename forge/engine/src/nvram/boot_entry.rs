//! The boot entry of a new install.

use uuid::Uuid;

use super::load_option::{self, Loader};
use crate::efivars::{GLOBAL, PERSISTENT, Variable, VariableError, Variables};

/// The longest title: firmware shows a line, and the store is small.
const TITLE_LIMIT: usize = 64;

/// A boot entry that is to be the first one.
#[derive(Debug, Clone)]
pub struct BootEntry {
    title: String,
    loader: Loader,
    /// PARTUUIDs that the disk had before: entries for our loader on one of these are of the install that is replaced.
    replaced: Vec<Uuid>,
}

impl BootEntry {
    /// An entry for shim in the vendor's directory of an EFI system partition.
    ///
    /// `partition` is its number, first sector, length in sectors and PARTUUID.
    #[must_use]
    pub fn new(name: &str, vendor: &str, partition: (u32, u64, u64, Uuid), replaced: Vec<Uuid>) -> Self {
        let (number, start, sectors, id) = partition;
        let path = format!("\\EFI\\{vendor}\\shimx64.efi");
        let title = name.chars().filter(|letter| !letter.is_control()).take(TITLE_LIMIT).collect();
        Self { title, loader: Loader { number, start, sectors, id, path }, replaced }
    }

    /// Whether an entry that is there starts the install that this one replaces, or this one.
    fn replaces(&self, entry: &[u8]) -> bool {
        // FAT knows no case, and firmware spells paths as it likes.
        load_option::loader(entry).is_some_and(|(partition, path)| {
            path.eq_ignore_ascii_case(&self.loader.path)
                && (partition == self.loader.id || self.replaced.contains(&partition))
        })
    }
}

/// Writes the entry, puts it first, and removes the entries that it replaces. On failure all is as it was.
pub fn put_first(variables: &Variables, entry: &BootEntry) -> Result<(), VariableError> {
    let there = entries(variables)?;
    let replaced: Vec<u16> = there
        .iter()
        .filter(|(_, content)| content.as_ref().is_some_and(|content| entry.replaces(&content.data)))
        .map(|(number, _)| *number)
        .collect();
    let taken = |number: &u16| there.iter().any(|(found, _)| found == number);
    let free = || (0..=u16::MAX).find(|number| !taken(number)).unwrap_or(u16::MAX);
    let number = replaced.first().copied().unwrap_or_else(free);
    let before = there.iter().find(|(found, _)| *found == number).and_then(|(_, content)| content.clone());

    let order_before = variables.read("BootOrder", GLOBAL)?;
    let others = order_before.iter().flat_map(|order| order.data.chunks_exact(2));
    let others = others.map(|two| u16::from_le_bytes([two[0], two[1]]));
    let others = others.filter(|other| *other != number && !replaced.contains(other));
    let order: Vec<u16> = [number].into_iter().chain(others).collect();
    let order =
        Variable { attributes: PERSISTENT, data: order.iter().flat_map(|number| number.to_le_bytes()).collect() };

    let option = Variable { attributes: PERSISTENT, data: load_option::bytes(&entry.title, &entry.loader) };
    let name = name(number);
    let written = write(variables, &name, &option).and_then(|()| write(variables, "BootOrder", &order));
    if let Err(error) = written {
        put_back(variables, "BootOrder", order_before.as_ref());
        put_back(variables, &name, before.as_ref());
        return Err(error);
    }
    for old in replaced.iter().filter(|old| **old != number) {
        if let Err(error) = variables.delete(&self::name(*old), GLOBAL) {
            log::warn!("an old boot entry is left: {error}");
        }
    }
    Ok(())
}

fn write(variables: &Variables, name: &str, variable: &Variable) -> Result<(), VariableError> {
    variables.write(name, GLOBAL, variable)?;
    variables.check(name, GLOBAL, variable)
}

/// Gives a variable the content that it had, if it has another one. What fails here is only told.
fn put_back(variables: &Variables, name: &str, before: Option<&Variable>) {
    if variables.read(name, GLOBAL).is_ok_and(|now| now.as_ref() == before) {
        return;
    }
    let back = match before {
        Some(before) => write(variables, name, before),
        None => variables.delete(name, GLOBAL).map(|_| ()),
    };
    if let Err(error) = back {
        log::warn!("{error}: the firmware may start another entry first");
    }
}

/// Every entry by its number; nothing for the content of one that can not be read, which is left alone.
fn entries(variables: &Variables) -> Result<Vec<(u16, Option<Variable>)>, VariableError> {
    let numbers = variables.list()?.into_iter().filter(|(_, guid)| guid.eq_ignore_ascii_case(GLOBAL));
    let numbers = numbers.filter_map(|(name, _)| number(&name));
    Ok(numbers.map(|number| (number, variables.read(&name(number), GLOBAL).ok().flatten())).collect())
}

fn name(number: u16) -> String {
    format!("Boot{number:04X}")
}

fn number(variable: &str) -> Option<u16> {
    let digits = variable.strip_prefix("Boot").filter(|digits| digits.len() == 4)?;
    let upper = digits.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte));
    upper.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}
