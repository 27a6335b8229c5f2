//! The guide at the first start, with the real helper; a directory plays the firmware.

use crate::{
    bench::program,
    firm::{Firm, list},
    install::{assert_takes, code_of},
};
use forge_engine::efivars::SHIM_LOCK;
use forge_model::machine::Enrollment;
use forge_tests::{
    desk::{Desk, Window},
    private::{Person, system},
};
use std::fs;

/// The guide, as a person or the session starts it.
fn guide<'a>(firm: &Firm, desk: &'a Desk<'a>, name: &str, options: &[&str]) -> Window<'a> {
    let program = firm.bench.path("forge");
    desk.open_by(&program, name, |command| command.arg("--guide").args(options).spawn().unwrap())
}

#[test]
fn who_missed_the_blue_screen_gets_a_new_code_and_the_guide_leaves_when_it_was_taken() {
    system(|system| {
        let firm = Firm::new(system);
        fs::copy(program("forge"), firm.bench.path("forge")).unwrap();
        let certificate = firm.key();
        let desk = Desk::of(system, Person::Allowed);

        let mut window = guide(&firm, &desk, "lost", &["--once"]);
        window.reads("This Computer Does Not Trust Your Key Yet");
        window.choose("Get a New Code");
        let code = code_of(&window);
        window.keep_picture("window-pictures", "guide-code");
        assert_eq!(firm.state(), Enrollment::Pending);
        assert_takes(&firm.read("MokAuth").unwrap(), &code);
        window.kill();

        // It comes back until the step is made.
        let window = guide(&firm, &desk, "pending", &["--once"]);
        window.reads("One Step Is Left");
        window.kill();

        // What shim does at the next start.
        for name in ["MokNew", "MokAuth", "MokTimeout"] {
            firm.variables.delete(name, SHIM_LOCK).unwrap();
        }
        firm.set("MokListRT", SHIM_LOCK, &list(&certificate));
        let mut window = guide(&firm, &desk, "enforced", &["--once"]);
        window.reads("This Computer Trusts Your Key");
        window.choose("Close");
        assert!(window.ended().success());

        // It was told: at the next login it ends by itself.
        assert!(guide(&firm, &desk, "told", &["--once"]).ended().success());
    });
}
