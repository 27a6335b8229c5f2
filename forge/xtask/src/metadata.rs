//! What `cargo metadata` says about the packages and who depends on whom.
use crate::{check, command};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The packages of the workspace and of all that they use.
#[derive(Deserialize)]
pub struct Metadata {
    /// Every package, ours and others.
    pub packages: Vec<Package>,
    /// The ids of ours.
    pub workspace_members: Vec<String>,
    /// Who uses whom.
    pub resolve: Resolve,
}

/// One package.
#[derive(Deserialize)]
pub struct Package {
    /// What names it within this metadata.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// An SPDX expression, when there is one.
    pub license: Option<String>,
}

/// The graph of dependencies.
#[derive(Deserialize)]
pub struct Resolve {
    /// One for each package.
    pub nodes: Vec<Node>,
}

/// A package and what it uses.
#[derive(Deserialize)]
pub struct Node {
    /// The package.
    pub id: String,
    /// What it uses.
    pub deps: Vec<Dependency>,
}

/// One use of a package.
#[derive(Deserialize)]
pub struct Dependency {
    /// The package that is used.
    pub pkg: String,
    /// For what: one entry for each kind.
    pub dep_kinds: Vec<Kind>,
}

/// For what a package is used: `None` for the program itself, `dev`, or `build`.
#[derive(Deserialize)]
pub struct Kind {
    /// The kind's name.
    pub kind: Option<String>,
}

impl Metadata {
    /// Asks cargo, for the one platform that Forge runs on.
    pub fn read() -> Result<Metadata> {
        let text = command::output(check::cargo().args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--filter-platform=x86_64-unknown-linux-gnu",
        ]))?;
        serde_json::from_str(&text).context("cannot understand what cargo metadata says")
    }

    /// The package with this id.
    pub fn package(&self, id: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.id == id)
    }

    /// Our own packages.
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.workspace_members.iter().filter_map(|id| self.package(id))
    }

    /// The ids of what ends up in this package, directly or through others; each with its user.
    ///
    /// What is used only by tests or by build scripts is left out.
    pub fn reachable<'a>(&'a self, id: &'a str) -> BTreeMap<&'a str, &'a str> {
        let mut users = BTreeMap::new();
        let mut seen = BTreeSet::from([id]);
        let mut left = vec![id];
        while let Some(user) = left.pop() {
            for used in self.direct(user) {
                if seen.insert(used) {
                    users.insert(used, user);
                    left.push(used);
                }
            }
        }
        users
    }

    /// The ids of what this package uses itself, without what only its tests or build script use.
    pub fn direct<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a str> {
        let node = self.resolve.nodes.iter().find(|node| node.id == id);
        node.into_iter()
            .flat_map(|node| &node.deps)
            .filter(|used| used.dep_kinds.iter().any(|kind| kind.kind.is_none()))
            .map(|used| used.pkg.as_str())
    }
}
