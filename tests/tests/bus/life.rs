//! The helper comes when it is called, stays while it is needed, and loses no call when it leaves.

use crate::{
    bench::{Bench, USUAL},
    caller::{Caller, JOB, MANAGER, ask, connection_of, helper, memory},
};
use forge_dbus::{
    Error, PATH,
    client::{ClientError, Forge},
    manager::ManagerProxy,
};
use forge_tests::{
    job::ANSWERS,
    payload::shared,
    private::{LoopDisk, Person, System, system, until},
};
use futures_util::StreamExt;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use zbus::{OwnedFd, OwnedObjectPath, OwnedVariant};

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// Calls that fall on the idle limit, in each of three tests.
const CALLS: u64 = 340;

#[test]
fn no_call_is_lost_by_a_helper_that_leaves_at_once() {
    system(|system| assert_none_lost(system, 1));
}

#[test]
fn no_call_is_lost_by_a_helper_that_leaves_after_five_milliseconds() {
    system(|system| assert_none_lost(system, 5));
}

#[test]
fn no_call_is_lost_by_a_helper_that_leaves_after_thirty_milliseconds() {
    system(|system| assert_none_lost(system, 30));
}

/// Calls again and again when the helper is about to leave, in the end from two sides: every kind of call.
fn assert_none_lost(system: &System, idle: u64) {
    let _bench = Bench::with(system, shared(), &["--idle-ms", &idle.to_string(), "--settle-ms", "0"]);
    let disk = LoopDisk::new(system, "LIMIT", USUAL, 512);
    let start = Instant::now();
    let mut again = system.block_on(one_caller(0, idle, disk.node(), CALLS - 60));
    again += std::thread::scope(|scope| {
        let callers = [1, 2].map(|n| (n, disk.node()));
        let callers = callers.map(|(n, node)| scope.spawn(move || system.block_on(one_caller(n, idle, node, 30))));
        callers.into_iter().map(|caller| caller.join().unwrap()).sum::<u64>()
    });
    let starts = starts(system);
    println!("{CALLS} calls, {starts} helpers, {again} calls made again, {:?}", start.elapsed());
    assert!(starts > 34, "only {starts} helpers\n{}", system.log("helper"));
    let log = system.log("helper");
    let ended = |line: &&str| line.starts_with("<3>") || line.contains("panicked") || line.contains("still holds");
    assert_eq!(log.lines().find(ended), None, "{log}");
}

/// Gives how often it was told to try again.
async fn one_caller(n: u64, idle: u64, node: String, calls: u64) -> u64 {
    let bus = connection_of(Person::Allowed.uid()).await;
    let forge = Forge::on(&bus).await.unwrap();
    let (mut random, mut again) = (n * 7919 + idle, 0);
    for call in 0..calls {
        // Around the limit; what the helper needs to leave comes on top.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let micros = idle * 700 + (random >> 33) % (idle * 600 + 4000);
        tokio::time::sleep(Duration::from_micros(micros)).await;
        let answers = || memory(ANSWERS.as_bytes());
        let told = loop {
            let told = match (call + n) % 6 {
                0 => ask::<String>(&bus, true, PATH, MANAGER, "Inventory", &()).await.map(drop),
                1 => ask::<String>(&bus, true, PATH, MANAGER, "Offer", &()).await.map(drop),
                2 => ask::<String>(&bus, true, PATH, MANAGER, "Check", &(&node, answers())).await.map(drop),
                3 => ask::<()>(&bus, true, PATH, MANAGER, "Unsubscribe", &()).await,
                4 => ask::<OwnedVariant>(&bus, true, PATH, PROPERTIES, "Get", &(MANAGER, "Jobs")).await.map(drop),
                _ => match ask::<OwnedObjectPath>(&bus, true, PATH, MANAGER, "Prepare", &(&node, answers(), false))
                    .await
                {
                    Ok(job) => ask::<()>(&bus, true, &job, JOB, "Close", &()).await,
                    // The other caller's.
                    Err(refusal) if refusal.kind() == "Busy" => Ok(()),
                    Err(refusal) => Err(refusal),
                },
            };
            match told {
                // Said on the way out; the client's library makes the call once more.
                Err(refusal) if refusal.kind() == "TryAgain" => again += 1,
                told => break told,
            }
        };
        told.unwrap_or_else(|refusal| panic!("call {call} of caller {n}, after {micros} µs: {refusal:?}"));
        if call % 10 == 9 {
            match forge.prepare(&node, ANSWERS, false).await {
                Ok(job) => job.close().await.unwrap(),
                // The other caller's.
                Err(error) => assert!(matches!(error, ClientError::Refused(Error::Busy(_))), "{error:?}"),
            }
        }
    }
    again
}

#[test]
fn a_job_keeps_it_until_its_client_is_gone() {
    system(|system| {
        let _bench = Bench::with(system, shared(), &["--idle-ms", "50", "--settle-ms", "0"]);
        let disk = LoopDisk::new(system, "KEPT", USUAL, 512);
        let caller = Caller::new(system, Person::Allowed);
        caller.manager::<String>("Offer", &()).unwrap();
        gone(system);

        let (job, digest) = caller.prepared(&disk.node());
        let process = helper(system).unwrap();
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(helper(system), Some(process), "a prepared job does not keep it");
        caller.call::<()>(&job, JOB, "Run", &(&digest, HashMap::<String, OwnedFd>::new())).unwrap();
        let outcome = caller.outcome(&job);
        assert!(outcome.contains("\"installed\""), "{outcome}");
        // The credentials are nowhere else yet.
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(helper(system), Some(process), "it left in the middle of a job");
        caller.call::<OwnedFd>(&job, JOB, "Handover", &()).unwrap();
        caller.close(&job);
        gone(system);

        let (_, _) = caller.prepared(&disk.node());
        drop(caller);
        gone(system);
        assert_eq!(starts(system), 3, "{}", system.log("helper"));
        // The processes end, too.
        until("all end", || (system.log("helper").matches("nobody needs it: it leaves").count() == 3).then_some(()));
        assert!(!system.log("helper").contains("still holds"), "{}", system.log("helper"));
    });
}

#[test]
fn a_subscriber_keeps_it_and_hears_of_disks_that_come_and_go() {
    system(|system| {
        let _bench = Bench::with(system, shared(), &["--idle-ms", "50", "--settle-ms", "0"]);
        let caller = Caller::new(system, Person::Allowed);
        let (manager, mut changes) = system.block_on(async {
            let manager = ManagerProxy::new(&caller.bus).await.unwrap();
            let changes = manager.receive_inventory_changed().await.unwrap();
            (manager, changes)
        });
        let mut hears = |limit| system.block_on(async { tokio::time::timeout(limit, changes.next()).await.is_ok() });
        let (soon, long) = (Duration::from_secs(10), Duration::from_secs(2));

        system.block_on(manager.subscribe()).unwrap();
        let process = helper(system).unwrap();
        // The system has just started: it comes to rest.
        while hears(long) {}
        assert_eq!(helper(system), Some(process), "a subscriber does not keep it");
        for serial in ["COMES-1", "COMES-2"] {
            let disk = LoopDisk::new(system, serial, 64 << 20, 512);
            assert!(hears(soon), "a disk came");
            while hears(long) {}
            let inventory: String = caller.manager("Inventory", &()).unwrap();
            assert!(inventory.contains(serial), "{inventory}");
            drop(disk);
            assert!(hears(soon), "a disk went");
            while hears(long) {}
            let inventory: String = caller.manager("Inventory", &()).unwrap();
            assert!(!inventory.contains(serial), "{inventory}");
        }
        assert_eq!(helper(system), Some(process));

        system.block_on(manager.unsubscribe()).unwrap();
        gone(system);
        let _disk = LoopDisk::new(system, "COMES-3", 64 << 20, 512);
        assert!(!hears(long), "nobody is subscribed");
        assert_eq!(helper(system), None, "a disk that comes starts no helper");

        // One who leaves without a word.
        system.block_on(manager.subscribe()).unwrap();
        assert_ne!(helper(system), Some(process));
        drop((manager, changes, caller));
        gone(system);
    });
}

/// Waits until the helper has left.
fn gone(system: &System) {
    until("the helper leaves", || helper(system).is_none().then_some(()));
}

/// How many helpers have come to the bus.
fn starts(system: &System) -> usize {
    system.log("helper").matches("on the bus as").count()
}
