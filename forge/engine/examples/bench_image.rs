//! What `cargo xtask bench` measures: one stage or several on real files, told as one line of JSON.
//!
//! `bench_image build IMAGE TREE`, `bench_image write IMAGE TREE ROOT TARGET` and
//! `bench_image prove IMAGE TREE ROOT TARGET`, which writes and reads back.
use std::error::Error;
use std::fs::File;
use std::time::{Duration, Instant};

use forge_engine::image::{Place, read_back, write};
use forge_engine::verity::{Parameters, RootHash, Trusted, build};
use forge_engine::watch::{Outcome, Unwatched};

const MIB: u64 = 1 << 20;
const NEVER: &str = "nobody cancels";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let stages = match arguments[..] {
        ["build", image, tree] => make_tree(image, tree)?,
        ["write", image, tree, root, target] => install(image, tree, root.parse()?, target, false)?,
        ["prove", image, tree, root, target] => install(image, tree, root.parse()?, target, true)?,
        _ => return Err("usage: bench_image build|write|prove IMAGE TREE [ROOT TARGET]".into()),
    };
    let stages: Vec<String> = stages.iter().map(|(name, time)| format!("\"{name}\": {}", time.as_secs_f64())).collect();
    println!("{{\"peak_kib\": {}, \"seconds\": {{{}}}}}", peak_kib()?, stages.join(", "));
    Ok(())
}

type Stages = Vec<(&'static str, Duration)>;

fn make_tree(image: &str, tree: &str) -> Result<Stages, Box<dyn Error>> {
    let image = File::open(image)?;
    let tree = File::create(tree)?;
    let parameters = Parameters::for_data(image.metadata()?.len(), vec![0x5a; 32], [7; 16])?;
    let threads = std::thread::available_parallelism()?.get();
    let (_, time) = timed(|| build(&image, &parameters, &tree, threads, &Unwatched))?;
    Ok(vec![("build", time)])
}

/// Opens the tree, writes image and tree, and reads them back if `prove`.
fn install(image: &str, tree: &str, root: RootHash, target: &str, prove: bool) -> Result<Stages, Box<dyn Error>> {
    let (image, tree) = (File::open(image)?, File::open(tree)?);
    let target = File::options().read(true).write(true).open(target)?;
    let parameters = Parameters::for_data(image.metadata()?.len(), vec![0x5a; 32], [7; 16])?;
    let place = Place { data: 0, tree: parameters.data_bytes().next_multiple_of(MIB) };
    let (trusted, open) = timed(|| Trusted::open(&tree, parameters.clone(), root, &Unwatched))?;
    let ((), write) = timed(|| write(&image, &tree, &trusted, &target, place, &Unwatched))?;
    let mut stages = vec![("open", open), ("write", write)];
    if prove {
        let (found, time) = timed(|| read_back(&target, &parameters, place, &Unwatched))?;
        if found != root {
            return Err("the target holds another image".into());
        }
        stages.push(("read back", time));
    }
    Ok(stages)
}

fn timed<T, E>(work: impl FnOnce() -> Result<Outcome<T>, E>) -> Result<(T, Duration), Box<dyn Error>>
where
    E: Error + 'static,
{
    let start = Instant::now();
    let result = work()?.done().ok_or(NEVER)?;
    Ok((result, start.elapsed()))
}

/// The most memory that this process ever had, from `/proc/self/status`.
fn peak_kib() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
