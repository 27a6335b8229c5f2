//! The time zone of a country, from the list of countries that the time zone database has (zone.tab; tzfile(5) tells of
//! it, and the list itself tells its columns). No network is asked where this computer is.

use relm4::gtk::glib;
use std::{collections::BTreeMap, fs};

/// The list.
const LIST: &str = "/usr/share/zoneinfo/zone.tab";

/// Reads the list; empty where there is none.
pub fn read() -> BTreeMap<String, String> {
    match fs::read_to_string(LIST) {
        Ok(text) => one_clock(&text, clock),
        Err(error) => {
            log::warn!("{LIST}: {error}; no time zone is proposed");
            BTreeMap::new()
        }
    }
}

/// The first zone of each country all of whose zones have the same clock; the list has the one with most people first.
/// Where clocks differ, only the person knows.
fn one_clock<C: PartialEq>(list: &str, clock: impl Fn(&str) -> Option<C>) -> BTreeMap<String, String> {
    let mut countries: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        if let (Some(country), Some(zone)) = (columns.next(), columns.nth(1)) {
            countries.entry(country).or_default().push(zone);
        }
    }
    let same = |zones: &[&str]| {
        let mut clocks = zones.iter().map(|zone| clock(zone));
        let first = clocks.next().flatten();
        first.is_some() && clocks.all(|other| other == first)
    };
    let kept = countries.into_iter().filter(|(_, zones)| same(zones));
    kept.filter_map(|(country, zones)| Some((country.to_owned(), (*zones.first()?).to_owned()))).collect()
}

/// How far a zone is from UTC in January and in July of this year.
fn clock(zone: &str) -> Option<[i64; 2]> {
    let zone = glib::TimeZone::from_identifier(Some(zone))?;
    let year = glib::DateTime::now_utc().ok()?.year();
    let from_utc = |month| glib::DateTime::new(&zone, year, month, 1, 12, 0, 0.0).map(|time| time.utc_offset().0);
    Some([from_utc(1).ok()?, from_utc(7).ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: &str = "# code\tplace\tzone\tcomment\n\
        AT\t+4813+01620\tEurope/Vienna\n\
        DE\t+5230+01322\tEurope/Berlin\tmost of Germany\n\
        DE\t+4742+00841\tEurope/Busingen\tBusingen\n\
        ES\t+4024-00341\tEurope/Madrid\tSpain (mainland)\n\
        ES\t+2806-01524\tAtlantic/Canary\tCanary Islands\n\
        XX\tbroken\n";

    #[test]
    fn a_country_with_one_clock_has_a_time_zone_and_another_one_has_none() {
        let hours = |zone: &str| match zone {
            "Atlantic/Canary" => Some(0),
            _ => Some(1),
        };
        let found = one_clock(SOME, hours);
        let expected = [("AT", "Europe/Vienna"), ("DE", "Europe/Berlin")];
        assert_eq!(found, expected.map(|(country, zone)| (country.to_owned(), zone.to_owned())).into());
        assert!(one_clock(SOME, |_| None::<i64>).is_empty(), "nothing is known of any clock");
    }
}
