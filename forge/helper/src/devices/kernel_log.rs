//! What the kernel looked for in vain, from its own log of this start.
//!
//! Source: `_request_firmware` in the kernel's `drivers/base/firmware_loader/main.c`; Debian's kernels say it in other words.
//! A driver that asks quietly (`firmware_request_nowarn`) does not appear.

use forge_engine::tool::{Run, ToolError, Tools};
use serde_json::Value;
use std::{path::PathBuf, time::Duration};

const JOURNALCTL: &str = "/usr/bin/journalctl";
/// A log is on a disk that may be slow.
const PATIENCE: Duration = Duration::from_secs(10);
/// The newest lines that are read.
const MOST_LINES: usize = 2000;
/// The longest name of a file.
const LONGEST: usize = 255;

/// The kernel looked for a file, and it was not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The driver, bus or class that asked.
    pub driver: String,
    /// The device, by the kernel's name.
    pub device: String,
    /// The file, below the directory of firmware.
    pub file: String,
}

/// Everything that was asked for in vain since the machine started; nothing where the log can not be read.
pub fn read(tools: &Tools) -> Vec<Request> {
    // The start is named by its newest line: in its sandbox, the helper does not see the kernel's own file that names it.
    let newest = journal(tools, &["--lines=1", "--output-fields=_BOOT_ID"]);
    let Some(boot) = newest.as_deref().and_then(|text| text.lines().find_map(boot_id)) else { return Vec::new() };
    let lines = format!("--lines={MOST_LINES}");
    let of_this_start = format!("_BOOT_ID={boot}");
    let text = journal(tools, &[&lines, "--output-fields=MESSAGE", "--grep=firmware", &of_this_start]);
    text.map(|text| text.lines().filter_map(message).filter_map(|said| request(&said)).collect()).unwrap_or_default()
}

fn journal(tools: &Tools, more: &[&str]) -> Option<String> {
    let path = PathBuf::from(JOURNALCTL);
    let run = Run::new(tools, &path).limit(PATIENCE).args(["--no-pager", "--quiet", "--output=json"]);
    match run.args(more.iter().copied()).arg("_TRANSPORT=kernel").run() {
        Ok(output) => Some(String::from_utf8_lossy(&output).into_owned()),
        // It says nothing, and that it failed, where no line fits.
        Err(ToolError::Failed { stderr, .. }) if stderr.is_empty() => None,
        Err(error) => {
            log::warn!("what the kernel looked for in vain is not known: {error}");
            None
        }
    }
}

fn boot_id(line: &str) -> Option<String> {
    let entry: Value = serde_json::from_str(line).ok()?;
    let id = entry.get("_BOOT_ID")?.as_str()?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
}

/// The text of a line of the journal. One with bytes that are no text is none of ours.
fn message(line: &str) -> Option<String> {
    let entry: Value = serde_json::from_str(line).ok()?;
    Some(entry.get("MESSAGE")?.as_str()?.to_owned())
}

/// Reads one line of the kernel: `DRIVER DEVICE: Direct firmware load for FILE failed with error -2`.
pub fn request(said: &str) -> Option<Request> {
    let plain = said.split_once(": Direct firmware load for ").and_then(|(who, rest)| {
        let file = rest.strip_suffix(" failed with error -2")?;
        Some((who, file))
    });
    let in_debian = || {
        let (who, rest) = said.split_once(": firmware: failed to load ")?;
        Some((who, rest.strip_suffix(" (-2)")?))
    };
    let (who, file) = plain.or_else(in_debian)?;
    let (driver, device) = who.rsplit_once(' ')?;
    let good =
        |text: &str| (1..=LONGEST).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    let below = !file.starts_with('/') && !file.split('/').any(|part| part == "..");
    (good(driver) && good(device) && good(file) && below && !device.contains('/')).then(|| Request {
        driver: driver.into(),
        device: device.into(),
        file: file.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(driver: &str, device: &str, file: &str) -> Option<Request> {
        Some(Request { driver: driver.into(), device: device.into(), file: file.into() })
    }

    #[test]
    fn real_lines_of_kernels_are_understood() {
        // As people posted them: Intel and Realtek Wi-Fi, Bluetooth, graphics, sound, network; the last two by Debian.
        for (said, expected) in [
            (
                "iwlwifi 0000:02:00.0: Direct firmware load for iwlwifi-gl-c0-fm-c0-96.ucode failed with error -2",
                asked("iwlwifi", "0000:02:00.0", "iwlwifi-gl-c0-fm-c0-96.ucode"),
            ),
            (
                "rtw_8821ce 0000:02:00.0: Direct firmware load for rtw88/rtw8821c_fw.bin failed with error -2",
                asked("rtw_8821ce", "0000:02:00.0", "rtw88/rtw8821c_fw.bin"),
            ),
            (
                "bluetooth hci0: Direct firmware load for mediatek/BT_RAM_CODE_MT7922_1_1_hdr.bin failed with error -2",
                asked("bluetooth", "hci0", "mediatek/BT_RAM_CODE_MT7922_1_1_hdr.bin"),
            ),
            (
                "bluetooth hci0: firmware: failed to load rtl_bt/rtl8821a_config.bin (-2)",
                asked("bluetooth", "hci0", "rtl_bt/rtl8821a_config.bin"),
            ),
            (
                "platform regulatory.0: Direct firmware load for regulatory.db failed with error -2",
                asked("platform", "regulatory.0", "regulatory.db"),
            ),
        ] {
            assert_eq!(request(said), expected, "{said}");
        }
    }

    #[test]
    fn what_is_no_request_in_vain_is_passed_over() {
        for said in [
            "iwlwifi 0000:02:00.0: loaded firmware version 94.62990553.0 gl-c0-fm-c0-94.ucode op_mode iwlmvm",
            "bluetooth hci0: firmware: direct-loading firmware intel/ibt-20-1-3.sfi",
            "Bluetooth: hci0: Failed to load firmware file (-2)",
            "rtw_8821ce 0000:02:00.0: failed to request firmware",
            // Not missing, but refused or broken.
            "x 0000:02:00.0: Direct firmware load for a.bin failed with error -12",
            "x 0000:02:00.0: Direct firmware load for ../../etc/shadow failed with error -2",
            "x 0000:02:00.0: Direct firmware load for /etc/shadow failed with error -2",
            "x 0000:02:00.0: Direct firmware load for a\u{1b}[2J failed with error -2",
            "Direct firmware load for a.bin failed with error -2",
            "x ../y: Direct firmware load for a.bin failed with error -2",
            "",
        ] {
            assert_eq!(request(said), None, "{said}");
        }
    }

    #[test]
    fn a_line_of_the_journal_is_read_and_one_that_is_no_text_is_not() {
        let line = r#"{"__CURSOR":"s=1","_BOOT_ID":"00112233445566778899aabbccddeeff","MESSAGE":"hello"}"#;
        assert_eq!(message(line).as_deref(), Some("hello"));
        assert_eq!(boot_id(line).as_deref(), Some("00112233445566778899aabbccddeeff"));
        assert_eq!(message(r#"{"MESSAGE":[27,91]}"#), None);
        assert_eq!(boot_id(r#"{"_BOOT_ID":"x --file=/etc/shadow"}"#), None);
        assert_eq!(message("no json"), None);
    }
}
