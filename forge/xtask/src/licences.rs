//! `cargo xtask licences`: all that Forge uses may be given away under its own licence.
use crate::{metadata::Metadata, paths};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use spdx::{Expression, Licensee, ParseMode};

/// The part of `deny.toml` that is read here: the list that cargo-deny uses, too.
#[derive(Deserialize)]
struct Deny {
    licenses: Allowed,
}

#[derive(Deserialize)]
struct Allowed {
    allow: Vec<String>,
}

/// Checks the licence of every package that Forge uses against the list in `deny.toml`.
pub fn check() -> Result<()> {
    let file = paths::repository()?.join("deny.toml");
    let text = std::fs::read_to_string(&file).context("cannot read deny.toml")?;
    let allowed = allowed(&text)?;
    let metadata = Metadata::read()?;
    let refused: Vec<String> = metadata
        .packages
        .iter()
        .filter_map(|package| {
            let reason = refusal(package.license.as_deref(), &allowed)?;
            Some(format!("{} {}: {reason}", package.name, package.version))
        })
        .collect();
    if !refused.is_empty() {
        bail!("licences that deny.toml does not allow beside GPL-3.0-or-later:\n  {}", refused.join("\n  "));
    }
    eprintln!("licences: {} packages, all compatible", metadata.packages.len());
    Ok(())
}

fn allowed(text: &str) -> Result<Vec<Licensee>> {
    let deny: Deny = toml::from_str(text).context("cannot understand deny.toml")?;
    let parse =
        |name: &String| Licensee::parse(name).with_context(|| format!("deny.toml: no such SPDX licence: {name}"));
    deny.licenses.allow.iter().map(parse).collect()
}

/// Why a package cannot be used, or `None`.
fn refusal(licence: Option<&str>, allowed: &[Licensee]) -> Option<String> {
    let Some(licence) = licence else {
        return Some("names no licence".to_owned());
    };
    // LAX: older packages write `MIT/Apache-2.0`.
    let Ok(expression) = Expression::parse_mode(licence, ParseMode::LAX) else {
        return Some(format!("not an SPDX expression: {licence}"));
    };
    let fits = expression.evaluate(|wanted| allowed.iter().any(|one| one.satisfies(wanted)));
    (!fits).then(|| licence.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"licenses = { allow = ["MIT", "Apache-2.0", "LGPL-2.1-or-later"] }"#;

    #[test]
    fn a_package_needs_one_licence_of_its_choice_to_be_allowed() {
        let allowed = allowed(LIST).unwrap();
        assert_eq!(refusal(Some("GPL-2.0-only OR MIT"), &allowed), None);
        assert_eq!(refusal(Some("MIT/Apache-2.0"), &allowed), None);
        assert_eq!(refusal(Some("MIT AND GPL-2.0-only"), &allowed).as_deref(), Some("MIT AND GPL-2.0-only"));
        assert!(refusal(None, &allowed).is_some());
    }

    #[test]
    fn a_misspelt_licence_in_the_list_is_named() {
        let error = allowed(r#"licenses = { allow = ["MIIT"] }"#).unwrap_err();
        assert!(error.to_string().contains("MIIT"));
    }
}
