//! The bundles that answers name: how they are read, and which of the payload's they are.

use super::{Bundle, Chosen, FirmwareAnswer};
use crate::{Issue, issue::nearest};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use std::fmt;

/// What stands in an answer file instead of a word that would mean everything.
const INSTEAD: &str = "write for each bundle \"[[firmware]]\" with \"bundle\" and \"sha256\"; \
                       \"forgectl firmware list\" prints these lines";

/// Reads `[[firmware]]`; a `true` or a list of names is refused with the reason.
pub(crate) fn answers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FirmwareAnswer>, D::Error> {
    struct All;
    impl<'de> Visitor<'de> for All {
        type Value = Vec<FirmwareAnswer>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of bundles, each with its name and SHA-256")
        }

        fn visit_bool<E: de::Error>(self, everything: bool) -> Result<Self::Value, E> {
            Err(E::custom(match everything {
                true => format!(
                    "proprietary firmware is accepted bundle by bundle, each with its hash: what is accepted now must not \
                     become something else later; {INSTEAD}"
                ),
                false => "no proprietary firmware is what happens when nothing is said; leave the key out".into(),
            }))
        }

        fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Err(E::custom(by_name_only()))
        }

        fn visit_map<M: MapAccess<'de>>(self, _: M) -> Result<Self::Value, M::Error> {
            Err(de::Error::custom(
                "each bundle stands under a heading of its own; write \"[[firmware]]\" in two brackets",
            ))
        }

        fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Self::Value, S::Error> {
            let mut all = Vec::new();
            while let Some(One(answer)) = list.next_element()? {
                all.push(answer);
            }
            Ok(all)
        }
    }
    deserializer.deserialize_any(All)
}

/// One of the list, so that a mere name is refused at its place.
struct One(FirmwareAnswer);

impl<'de> Deserialize<'de> for One {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Single;
        impl<'de> Visitor<'de> for Single {
            type Value = One;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a bundle with its name and SHA-256")
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<One, E> {
                Err(E::custom(by_name_only()))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<One, M::Error> {
                FirmwareAnswer::deserialize(MapAccessDeserializer::new(map)).map(One)
            }
        }
        deserializer.deserialize_any(Single)
    }
}

fn by_name_only() -> String {
    format!("a name alone does not say which firmware is accepted: another release may have other files; {INSTEAD}")
}

/// Reads a SHA-256 in hexadecimal digits, large or small.
pub(super) fn sha256<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?.to_ascii_lowercase();
    match text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(text),
        false => Err(de::Error::custom("a SHA-256 has 64 hexadecimal digits; \"forgectl firmware list\" prints it")),
    }
}

/// The bundles that are accepted, by kind and name; or everything that is in the way.
pub(crate) fn chosen(accepted: &[FirmwareAnswer], bundles: &[Bundle]) -> Result<Vec<Chosen>, Vec<Issue>> {
    let (mut found, mut issues): (Vec<&Bundle>, _) = (Vec::new(), Vec::new());
    for (i, answer) in accepted.iter().enumerate() {
        let name = answer.bundle.clone();
        if accepted[..i].iter().any(|earlier| earlier.bundle == name) {
            issues.push(Issue::TwiceBundle { name });
            continue;
        }
        match bundles.iter().find(|bundle| bundle.name == name) {
            Some(bundle) if bundle.image.sha256 == answer.sha256 => found.push(bundle),
            Some(bundle) => {
                let (asked, has) = (answer.sha256.clone(), bundle.image.sha256.clone());
                issues.push(Issue::OtherBundle { name, asked, has });
            }
            None => {
                let nearest = nearest(&name, bundles.iter().map(|bundle| bundle.name.as_str())).map(str::to_owned);
                issues.push(Issue::UnknownBundle { name, nearest });
            }
        }
    }
    found.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    if issues.is_empty() { Ok(found.into_iter().map(Bundle::chosen).collect()) } else { Err(issues) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::{Kind, tests::bundle};

    #[derive(Debug, Deserialize)]
    struct File {
        #[serde(default, deserialize_with = "answers")]
        firmware: Vec<FirmwareAnswer>,
    }

    fn read(text: &str) -> Result<Vec<FirmwareAnswer>, toml::de::Error> {
        toml::from_str::<File>(text).map(|file| file.firmware)
    }

    #[test]
    fn each_bundle_is_named_with_its_hash() {
        let hash = "Ab".repeat(32);
        let one = read(&format!("[[firmware]]\nbundle = \"intel-wifi\"\nsha256 = \"{hash}\"\n")).unwrap();
        assert_eq!(one, [FirmwareAnswer { bundle: "intel-wifi".into(), sha256: "ab".repeat(32) }]);
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn a_word_that_means_everything_is_refused_with_the_reason_and_what_to_write() {
        for (text, reason) in [
            ("firmware = true", "bundle by bundle"),
            ("firmware = false", "leave the key out"),
            ("firmware = \"intel-wifi\"", "a name alone"),
            ("firmware = [\"intel-wifi\"]", "a name alone"),
            ("[firmware]\nbundle = \"a\"", "in two brackets"),
        ] {
            let said = read(text).unwrap_err().message().to_owned();
            assert!(said.contains(reason), "{text}: {said}");
        }
        let said = read("firmware = true").unwrap_err().message().to_owned();
        assert!(said.contains("forgectl firmware list") && said.contains("sha256"), "{said}");
    }

    #[test]
    fn a_hash_that_is_none_is_refused_at_its_place() {
        let error = read("[[firmware]]\nbundle = \"a\"\nsha256 = \"abc\"\n").unwrap_err();
        assert!(error.message().contains("64 hexadecimal digits"), "{error}");
        // The whole entry is the place: its keys are read one after the other.
        assert!(error.span().is_some());
    }

    fn answer(name: &str, digit: &str) -> FirmwareAnswer {
        FirmwareAnswer { bundle: name.into(), sha256: digit.repeat(64) }
    }

    #[test]
    fn what_is_accepted_is_the_same_plan_in_whatever_order_it_was_written() {
        let bundles = [bundle("b", Kind::Graphics), bundle("a", Kind::Graphics), bundle("c", Kind::WiFi)];
        let names = |answers: &[FirmwareAnswer]| -> Vec<String> {
            chosen(answers, &bundles).unwrap().into_iter().map(|one| one.name).collect()
        };
        let forth = [answer("b", "0"), answer("c", "0"), answer("a", "0")];
        assert_eq!(names(&forth), ["c", "a", "b"]);
        assert!(names(&[]).is_empty(), "nothing is installed that nobody accepted");
    }

    #[test]
    fn a_bundle_that_is_unknown_another_one_or_named_twice_is_an_issue_each() {
        let bundles = [bundle("intel-wifi", Kind::WiFi), bundle("amd-graphics", Kind::Graphics)];
        let asked = [answer("intel-wfi", "0"), answer("amd-graphics", "1"), answer("amd-graphics", "0")];
        let issues = chosen(&asked, &bundles).unwrap_err();
        assert_eq!(
            issues,
            [
                Issue::UnknownBundle { name: "intel-wfi".into(), nearest: Some("intel-wifi".into()) },
                Issue::OtherBundle { name: "amd-graphics".into(), asked: "1".repeat(64), has: "0".repeat(64) },
                Issue::TwiceBundle { name: "amd-graphics".into() },
            ]
        );
    }
}
