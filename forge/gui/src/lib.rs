//! Forge's window: the wizard that people install with.
//!
//! ```text
//! a person -> page -> Change -> Session::apply -> Effects -> App -> gateway -> helper
//!                                   |                                  |
//!                          every page shows it            its answers are Changes, too
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | [`session`] | every rule of order, back, skip, what is missing; pure, and tested without a display |
//! | [`gateway`] | the only user of the bus |
//! | [`guide`] | every rule of the first-boot guide; pure, and tested without a display |
//! | [`app`] | the window: carries changes and effects between the two |
//! | [`pages`] | one component for each page |
//! | [`parts`] | what pages are made of: frame, list with search, disk bar, key caps |
//! | [`sentences`] | everything that is said about data, errors included |
//! | [`country_zones`] | the time zone of a country that has one |
//! | [`keyboard_names`] | keyboards by their names |
//! | [`prefill`] | answers that were found and fill in pages |
//! | [`live_desktop`] | whether there is a desktop behind the window |
//! | [`kiosk`] | the medium's own screen, which begins again with another keyboard or language |
//! | [`live_keyboard`] | lets the live session type on the keyboard that was chosen |
//! | [`language`] | the language of the program |
//! | [`identity`] | application id, icon, translation domain |

pub mod app;
pub mod country_zones;
pub mod gateway;
pub mod guide;
pub mod identity;
pub mod keyboard_names;
pub mod kiosk;
pub mod language;
pub mod live_desktop;
pub mod live_keyboard;
pub mod pages;
pub mod parts;
pub mod prefill;
pub mod sentences;
pub mod session;
