//! What several pages are made of.
//!
//! | file | what it is |
//! |---|---|
//! | [`frame`] | a page: title, content that scrolls, a primary button that is always there |
//! | [`choice_list`] | one of many, with a search |
//! | [`before_after`] | a disk before and after, as bars and as a list |
//! | [`disk_bar`] | what is on a disk, in proportion |
//! | [`disk_row`] | a disk to choose |
//! | [`key_caps`] | a code to type, on keys |
//! | [`key_places`] | where the keys of a code are, for other keyboards |
//! | [`rehearsal`] | MokManager's screens, to be walked through beforehand |
//! | [`card`] | the enrollment card, to print and to save |
//! | [`qr`] | a QR code |
//! | [`question`] | a question with two answers |
//! | [`recovery_key`] | a recovery key, in groups that fit on every line |
//! | [`licence`] | the text of a licence |
//! | [`log_drawer`] | the log, folded away |
//! | [`files`] | saving and copying what is shown |
//! | [`plain`] | text as it is, where the toolkit would read markup |
//! | [`print`] | printing what is shown |
//! | [`seal`] | saving what is shown so that only a passphrase opens it |
//! | [`typed_twice`] | a password that is made, or typed twice |
//! | [`radio_row`] | one of several ways to go |
//! | [`size_row`] | a size that a person sets |
//! | [`switch`] | a switch that tells only what a person did |
//! | [`trouble`] | what did not work, and a way to try again |

pub mod before_after;
pub mod card;
pub mod choice_list;
pub mod disk_bar;
pub mod disk_row;
pub mod files;
pub mod frame;
pub mod key_caps;
pub mod key_places;
pub mod licence;
pub mod log_drawer;
pub mod plain;
pub mod print;
pub mod qr;
pub mod question;
pub mod radio_row;
pub mod recovery_key;
pub mod rehearsal;
pub mod seal;
pub mod size_row;
pub mod switch;
pub mod trouble;
pub mod typed_twice;
