//! A session in the guest over the serial line: log in, run commands, become root.
use super::demo::Demo;
use super::machine::{BOOT_FAILURES, Machine};
use anyhow::{Context, Result, ensure};

/// The login prompt, and the prompt for a password, in the languages that we meet.
const LOGIN: &str = r"(?i)\S+ (login|anmeldename|anmeldung): ";
const PASSWORD: &str = r"(?i)(password|passwort|kennwort|mot de passe|contraseña)[^\n:]{0,20}: ?";
/// What may be said to one who is in.
const GREETING: &str = "Last login: ";
/// A shell's prompt at the end of the text; the space tells it from a `#1` in a greeting that comes in pieces.
const SHELL: &str = r"[$#%>] \z";

/// A guest at its login prompt or logged in.
pub(super) struct Guest<'a> {
    machine: &'a mut Machine,
    commands: u32,
}

impl<'a> Guest<'a> {
    /// Waits until a machine that boots asks for a login name.
    pub(super) fn boot(machine: &'a mut Machine) -> Result<Self> {
        machine.expect_unless(&[LOGIN], &BOOT_FAILURES, 240)?;
        machine.settle();
        machine.screenshot("login")?;
        Ok(Self { machine, commands: 0 })
    }

    /// Root's shell at the door of a live system, as soon as it opens.
    pub(super) fn by_door(machine: &'a mut Machine) -> Result<Self> {
        machine.stand_at_door(true);
        // What else speaks there may have spoken since the prompt: an empty line brings another one.
        machine.send_line("")?;
        machine.expect(SHELL, 240)?;
        let mut guest = Self { machine, commands: 0 };
        guest.quiet_shell(":")?;
        Ok(guest)
    }

    /// The machine that it runs in.
    pub(super) fn machine(&mut self) -> &mut Machine {
        self.machine
    }

    /// Saves the machine's screen.
    pub(super) fn screenshot(&mut self, label: &str) -> Result<()> {
        self.machine.screenshot(label).map(drop)
    }

    /// Waits for the login, logs in as the demo's user and becomes root.
    pub(super) fn root(machine: &'a mut Machine, demo: &Demo) -> Result<Self> {
        let mut guest = Self::boot(machine)?;
        guest.log_in(&demo.user, &demo.password)?;
        guest.become_root(&demo.password)?;
        Ok(guest)
    }

    /// Checks that the guest refuses this name with this password; it then asks for a name again.
    pub(super) fn refuses(&mut self, user: &str, password: &str) -> Result<()> {
        let inside = self.enter(user, password)?;
        ensure!(!inside, "{user} can log in with a password that must be refused");
        Ok(())
    }

    /// Logs in; the shell is then a quiet one that does not repeat what is typed.
    pub(super) fn log_in(&mut self, user: &str, password: &str) -> Result<()> {
        let inside = self.enter(user, password)?;
        ensure!(inside, "{user} can not log in with the generated password");
        self.quiet_shell("exec /bin/sh")
    }

    /// Gives a name and a password at the prompt; whether that led to a shell.
    fn enter(&mut self, user: &str, password: &str) -> Result<bool> {
        self.machine.send_line(user)?;
        self.machine.expect(PASSWORD, 60)?;
        self.machine.settle();
        self.machine.send_line(password)?;
        // A greeting looks like the prompt for a name, so it comes before it.
        let found = self.machine.expect_any(&[GREETING, SHELL, LOGIN], 90)?;
        if found.which == 0 {
            self.machine.expect(SHELL, 60)?;
        }
        self.machine.settle();
        Ok(found.which < 2)
    }

    /// Becomes root by sudo with the user's password.
    pub(super) fn become_root(&mut self, password: &str) -> Result<()> {
        // The quotes keep the typed line from looking like the prompt.
        self.machine.send_line("sudo -p 'SUDO''-ASKS: ' /bin/sh")?;
        self.machine.expect("SUDO-ASKS: ", 60)?;
        self.machine.settle();
        self.machine.send_line(password)?;
        self.machine.expect(SHELL, 60)?;
        self.machine.settle();
        self.quiet_shell(":")?;
        let user = self.output("id -un")?;
        ensure!(user == "root", "sudo gave a shell of {user:?}");
        Ok(())
    }

    /// Silences prompts and echo; `first` is typed before.
    fn quiet_shell(&mut self, first: &str) -> Result<()> {
        for line in [first, "stty -echo cols 500; PS1= PS2= TERM=dumb LC_ALL=C.UTF-8 PAGER=cat SYSTEMD_PAGER=cat"] {
            self.machine.send_line(line)?;
            self.machine.settle();
        }
        self.machine.send_line("export TERM LC_ALL PAGER SYSTEMD_PAGER; echo 'QUIET''-NOW'")?;
        self.machine.expect("QUIET-NOW\r?\n", 60)?;
        Ok(())
    }

    /// Runs a command and returns its exit code and all it wrote.
    pub(super) fn run(&mut self, command: &str) -> Result<(i32, String)> {
        self.commands += 1;
        let n = self.commands;
        self.machine.send_line(&format!("echo 'BEGIN''-{n}'; {{ {command}; }} 2>&1; echo 'END''-{n}'=$?."))?;
        let pattern = format!(r"(?s)BEGIN-{n}\r?\n(.*?)END-{n}=(\d+)\.");
        let found = self.machine.expect_quietly(&pattern, 120).with_context(|| format!("in the guest: {command}"))?;
        let code = found.text.rsplit('=').next().and_then(|c| c.trim_end_matches('.').parse().ok());
        let code = code.context("no exit code")?;
        let output = found.group.trim().to_owned();
        self.machine.say(&format!("{command} -> {code}"));
        Ok((code, output))
    }

    /// Runs a command that must succeed and returns what it wrote.
    pub(super) fn output(&mut self, command: &str) -> Result<String> {
        let (code, output) = self.run(command)?;
        ensure!(code == 0, "in the guest, {command:?} failed ({code}): {output}");
        Ok(output)
    }

    /// Runs a command, whatever its exit code, that must say all of this.
    pub(super) fn says(&mut self, command: &str, words: &[&str]) -> Result<()> {
        let (code, output) = self.run(command)?;
        for word in words {
            ensure!(output.contains(word), "in the guest, {command:?} ({code}) did not say {word}: {output}");
        }
        Ok(())
    }

    /// Restarts the machine, whatever comes then.
    pub(super) fn reboot(self) -> Result<()> {
        self.machine.send_line("systemctl reboot")
    }

    /// Restarts the machine and waits until it asks for a login again.
    pub(super) fn restart(self) -> Result<Self> {
        self.machine.send_line("systemctl reboot")?;
        Self::boot(self.machine)
    }

    /// Switches the guest off in order (as root) and waits for it.
    pub(super) fn power_off(self) -> Result<()> {
        self.machine.send_line("systemctl poweroff")?;
        self.machine.wait_for_power_off(90)
    }
}
