//! The power goes at any write of an install that replaces an earlier system: whatever stays is whole, on both sector sizes.

use forge_engine::{install::End, tool::Tools, verify, watch::Unwatched};
use forge_model::{Layout, Stage, inventory::Found, plan::Plan};
use forge_tests::{
    disk::{self, Disk, Loop, MIB},
    installed::receipt_of,
    job::{Job, Recorder, beside_answers, replacing_answers},
    look::{part, run, run_with},
    neighbours,
    payload::{self, TestPayload},
    random::Random,
    writes::{self, Act},
};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

/// A disk with an earlier system and others, as a file; a device over it where its sectors need one.
struct Scene {
    sector: u32,
    /// Size of the new ESP, which is not that of the old one: so nothing of the old image lies where the new one will.
    esp_mib: &'static str,
    disk: Disk,
    /// The same release all the time: it is made anew when nobody holds it any more.
    _payload: Arc<TestPayload>,
}

impl Scene {
    /// Does something with the path that is a disk with these sectors.
    fn at<T>(&self, disk: &Disk, act: impl FnOnce(&Path) -> T) -> T {
        match self.sector {
            512 => act(&disk.path),
            sector => {
                // The device is over this very file; nobody else has it open.
                let said = run("losetup", &["--find", "--show", "--sector-size", &sector.to_string(), &disk.text()]);
                assert!(said.well, "{}", said.text);
                let device = Detached(PathBuf::from(said.text.trim()));
                act(&device.0)
            }
        }
    }

    /// The partitions of the table in force, by libfdisk; libblkid has to see as many.
    fn in_force(&self, disk: &Path, when: &str) -> Vec<String> {
        let (path, sector) = (disk.display().to_string(), self.sector.to_string());
        let said = run("sfdisk", &["--sector-size", &sector, "--dump", &path]);
        assert!(said.well, "{when}: {}", said.text);
        let lines: Vec<String> =
            said.text.lines().filter(|line| line.starts_with(&path)).map(|line| line.replacen(&path, "", 1)).collect();
        let said = run("partx", &["--show", "--noheadings", "--sector-size", &sector, "--output", "NR", &path]);
        assert_eq!(said.text.lines().count(), lines.len(), "{when}: {}", said.text);
        lines
    }

    /// What stays is in order, by its own tool.
    fn check_others(&self, disk: &Path, kept: &[Found]) {
        if self.sector == 512 {
            return neighbours::check(disk);
        }
        let scratch = tempfile::tempdir().unwrap();
        let image = scratch.path().join("part");
        for one in kept {
            part(disk, one.entry.unwrap().offset, one.size, &image);
            let tool = if one.label == "photos" { ["e2fsck", "-fn"] } else { ["fsck.fat", "-n"] };
            let said = run(tool[0], &[tool[1], &image.display().to_string()]);
            assert!(said.well, "{}: {}", one.label, said.text);
        }
    }
}

/// A loop device that goes with this, without its file.
struct Detached(PathBuf);

impl Drop for Detached {
    fn drop(&mut self) {
        let _ = run("losetup", &["--detach", &self.0.display().to_string()]);
    }
}

fn install(disk: &Path, answers: String, events: &Recorder) -> End {
    let payload = payload::shared();
    let directory = payload.directory();
    let job = Job { answers, ..Job::new(&payload, disk, &directory) };
    job.run(events).map_err(|refusal| refusal.sentence()).unwrap()
}

fn plan(disk: &Path, answers: String) -> Plan {
    let payload = payload::shared();
    let directory = payload.directory();
    Job { answers, ..Job::new(&payload, disk, &directory) }.plan().map_err(|refusal| refusal.sentence()).unwrap().2
}

/// An earlier system beside real file systems of others.
fn sectors_of_512() -> Option<Scene> {
    let payload = payload::shared();
    let disk = neighbours::disk()?;
    assert!(matches!(install(&disk.path, beside_answers(), &Recorder::default()), End::Installed(_)));
    Some(Scene { sector: 512, esp_mib: "66", disk, _payload: payload })
}

/// The same on sectors of 4096 bytes, where an ESP needs more room.
fn sectors_of_4096() -> Option<Scene> {
    let payload = payload::shared();
    let disk = Disk::empty(1400 * MIB);
    let script = "label: gpt\n\
        start=256, size=12288, type=c12a7328-f81f-11d2-ba4b-00a0c93ec93b, name=\"EFI system partition\"\n\
        start=340000, size=8192, name=\"photos\"\n";
    let said = run_with("sfdisk", &["--quiet", "--sector-size", "4096", &disk.text()], script.as_bytes());
    assert!(said.well, "{}", said.text);
    let esp = Disk::empty(12_288 * 4096);
    let said = run("mkfs.fat", &["-F", "16", "-S", "4096", "-s", "1", &esp.text()]);
    assert!(said.well, "{}", said.text);
    disk.write(&fs::read(&esp.path).unwrap(), MIB);
    let at = format!("offset={}", 340_000 * 4096_u64);
    let said = run("mke2fs", &["-q", "-t", "ext4", "-E", &at, &disk.text(), "32M"]);
    assert!(said.well, "{}", said.text);
    let scene = Scene { sector: 4096, esp_mib: "270", disk, _payload: payload };
    let answers = beside_answers().replace("esp-mib = 64", "esp-mib = 300");
    let end = scene.at(&scene.disk, |path| install(path, answers, &Recorder::default()));
    assert!(matches!(end, End::Installed(_)));
    Some(scene)
}

#[test]
fn at_every_write_whatever_stays_is_whole_where_sectors_have_512_bytes() {
    let Some(scene) = sectors_of_512() else { return };
    each_cut(&scene);
}

#[test]
fn at_every_write_whatever_stays_is_whole_where_sectors_have_4096_bytes() {
    if Loop::over(Disk::empty(MIB), 4096).is_none() {
        return;
    }
    let Some(scene) = sectors_of_4096() else { return };
    each_cut(&scene);
}

/// Every write of a run, as strace sees it.
fn acts(scene: &Scene, after: &Disk) -> Vec<Act> {
    let payload = payload::shared();
    let (scratch, directory) = (tempfile::tempdir().unwrap(), payload.directory());
    let certificate = scratch.path().join("certificate");
    fs::write(&certificate, &payload.keys.certificate).unwrap();
    let [directory, certificate] = [&directory, &certificate].map(|path| path.display().to_string());
    let way = format!("replace={}", scene.esp_mib);
    let victim = env!("CARGO_BIN_EXE_forge-tests-victim");
    scene.at(after, |path| {
        writes::of(victim, &[&directory, &certificate, &path.display().to_string(), "none", "0", &way], path)
    })
}

fn extent(found: &Found) -> (u64, u64) {
    let offset = found.entry.unwrap().offset;
    (offset, offset + found.size)
}

fn each_cut(scene: &Scene) {
    let before = Disk::copy_of(&scene.disk.path);
    let plan = scene.at(&before, |path| plan(path, replacing_answers(scene.esp_mib)));
    let beside = plan.layout.beside.as_ref().unwrap();
    assert_eq!(
        (beside.removed.len(), beside.kept.len()),
        (6, if scene.sector == 512 { 7 } else { 2 }),
        "the old ESP goes, too"
    );
    let after = Disk::copy_of(&before.path);
    let acts = acts(scene, &after);
    let (old, new) = (scene.in_force(&before.path, "before"), scene.in_force(&after.path, "after"));
    let stays = |lines: &[String], one: &Found| {
        let id = one.entry.unwrap().id.to_string().to_uppercase();
        lines.iter().find(|line| line.contains(&id)).cloned()
    };
    for one in &beside.kept {
        assert!(stays(&old, one).is_some() && stays(&old, one) == stays(&new, one), "{}", one.label);
    }
    assert!(beside.removed.iter().all(|one| stays(&new, one).is_none_or(|line| plan_has(&plan, &line))), "{new:#?}");
    assert_eq!(new.len(), beside.kept.len() + plan.layout.partitions.len());

    // Nothing is written but in what goes, in what is made, and in the two copies of the table.
    let size = fs::metadata(&before.path).unwrap().len();
    let sector = u64::from(scene.sector);
    let list = (128 * 128_u64).div_ceil(sector);
    let mut allowed: Vec<(u64, u64)> = beside.removed.iter().map(extent).collect();
    allowed.extend(plan.layout.partitions.iter().map(|one| (one.offset, one.offset + one.size)));
    allowed.extend([(sector, (2 + list) * sector), (size - (1 + list) * sector, size)]);
    for (from, to) in acts.iter().filter_map(Act::extent) {
        assert!(allowed.iter().any(|(start, end)| *start <= from && to <= *end), "{from}..{to} is somebody else's");
        assert!(beside.kept.iter().map(extent).all(|(start, end)| to <= start || end <= from), "{from}..{to} stays");
    }

    // A cut after each write, in order. From the first byte of the new system on, nothing of the old one can be found.
    let disk = Disk::copy_of(&before.path);
    let file = writable(&disk);
    let begun =
        acts.iter().position(|act| matches!(act, Act::Write(_, bytes) if bytes.iter().any(|b| *b != 0))).unwrap();
    let (mut became_new, mut cuts) = (None, 0);
    for (n, act) in acts.iter().enumerate() {
        if n == begun {
            for one in &beside.removed {
                let said = disk::blkid(&disk.path, extent(one).0).text;
                assert!(!said.contains("TYPE="), "{}: {said}", one.label);
            }
            scene.check_others(&disk.path, &beside.kept);
        }
        act.apply(&file);
        if matches!(act, Act::Flush) {
            continue;
        }
        cuts += 1;
        let found = scene.in_force(&disk.path, &format!("after write {n}"));
        assert!(found == old || found == new, "after write {n}: {found:#?}");
        match (found == new, became_new) {
            (true, None) => became_new = Some(n),
            (false, Some(at)) => panic!("new at {at}, and old again at {n}"),
            _ => {}
        }
    }
    scene.check_others(&disk.path, &beside.kept);
    let last = acts.iter().rposition(|act| act.extent().is_some()).unwrap();
    assert_eq!(became_new, Some(last), "the table is the last write, and the only one that counts");
    assert!(run("cmp", &[&disk.text(), &after.text()]).well, "the log is all that was done");
    let checked = verify::verify(&Tools::default(), &disk.path, None, &Unwatched).unwrap();
    for finding in &checked.done().unwrap().1 {
        assert!(finding.fault.is_none(), "{:?}: {}", finding.check, finding.fault.as_ref().unwrap());
    }

    let reordered = in_another_order(scene, &before, &acts, (&old, &new), begun);
    println!(
        "{} bytes a sector: {} calls, {cuts} cuts in order, {reordered} in another order",
        scene.sector,
        acts.len()
    );
    assert!(cuts > 20 && reordered > 20, "{cuts} {reordered}");
    goes_on(scene, &before, &acts, &plan.layout);
}

/// Whether a line of the table is one of the partitions that are made.
fn plan_has(plan: &Plan, line: &str) -> bool {
    plan.layout.partitions.iter().filter_map(|one| one.fixed_id).any(|id| line.contains(&id.to_string().to_uppercase()))
}

fn writable(disk: &Disk) -> File {
    File::options().read(true).write(true).open(&disk.path).unwrap()
}

/// Between two flushes a disk writes in any order: any of the writes may be there, and any may be missing.
fn in_another_order(scene: &Scene, before: &Disk, acts: &[Act], tables: (&[String], &[String]), begun: usize) -> u32 {
    let mut random = Random::new();
    let flushed = Disk::copy_of(&before.path);
    let (mut states, mut at) = (0, 0);
    for epoch in acts.split_inclusive(|act| matches!(act, Act::Flush)) {
        let rounds = if at < begun || at + epoch.len() + 20 > acts.len() { 6 } else { 1 };
        if epoch.iter().any(|act| act.extent().is_some()) {
            for _ in 0..rounds {
                let cut = Disk::copy_of(&flushed.path);
                let file = writable(&cut);
                epoch.iter().filter(|_| random.below(2) == 0).for_each(|act| act.apply(&file));
                let found = scene.in_force(&cut.path, "in another order");
                assert!(found == tables.0 || found == tables.1, "in another order: {found:#?}");
                states += 1;
            }
        }
        let file = writable(&flushed);
        epoch.iter().for_each(|act| act.apply(&file));
        at += epoch.len();
    }
    states
}

/// After a cut right before the commit, the next run finds the same earlier system, proves what is there, and adds it.
fn goes_on(scene: &Scene, before: &Disk, acts: &[Act], layout: &Layout) {
    let beside = layout.beside.as_ref().unwrap();
    let disk = Disk::copy_of(&before.path);
    let file = writable(&disk);
    let ends = |act: &&Act| {
        act.extent().is_none_or(|(from, to)| to > MIB && from < fs::metadata(&before.path).unwrap().len() - MIB)
    };
    acts.iter().take_while(ends).for_each(|act| act.apply(&file));
    drop(file);
    let seen = Recorder::default();
    let again = scene.at(&disk, |path| plan(path, replacing_answers(scene.esp_mib)));
    assert_eq!(again.layout.partitions, layout.partitions);
    let end = scene.at(&disk, |path| install(path, replacing_answers(scene.esp_mib), &seen));
    assert!(matches!(end, End::Installed(_)));
    assert!(!seen.stages().contains(&Stage::Write), "the image was there already: {:?}", seen.stages());
    receipt_of(&disk.path);
    scene.check_others(&disk.path, &beside.kept);
}

#[test]
fn a_run_that_is_cancelled_leaves_the_old_table_and_nothing_of_what_was_to_go() {
    let Some(scene) = sectors_of_512() else { return };
    let old = scene.in_force(&scene.disk.path, "before");
    let plan = plan(&scene.disk.path, replacing_answers("66"));
    let beside = plan.layout.beside.unwrap();
    // Before the claim everything is there.
    let digest = scene.disk.digest();
    let cut = Recorder::cancel_at(Stage::Prepare, 0);
    let end = install(&scene.disk.path, replacing_answers("66"), &cut);
    assert!(matches!(end, End::Cancelled { stage } if stage < Stage::Claim) && scene.disk.digest() == digest);
    let cut = Recorder::cancel_at(Stage::Write, 0);
    assert!(matches!(install(&scene.disk.path, replacing_answers("66"), &cut), End::Cancelled { stage: Stage::Write }));
    assert_eq!(scene.in_force(&scene.disk.path, "cancelled"), old);
    for one in &beside.removed {
        let said = disk::blkid(&scene.disk.path, extent(one).0).text;
        assert!(!said.contains("TYPE="), "{}: {said}", one.label);
    }
    neighbours::check(&scene.disk.path);
}
