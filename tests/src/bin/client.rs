//! Begins an install and waits to be killed: `forge-tests-client attended|unattended DISK ANSWERS`. It prints each progress.
#![allow(missing_docs)]

use forge_dbus::client::{ClientError, Forge};
use futures_util::StreamExt;

#[tokio::main]
async fn main() -> Result<(), ClientError> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [how, disk, answers] = words.as_slice() else { panic!("attended or unattended, a disk and answers are named") };
    let answers = std::fs::read_to_string(answers)?;
    let job = Forge::connect().await?.prepare(disk, &answers, how == "unattended").await?;
    let mut updates = job.updates().await?;
    job.run(&job.digest().await?, None).await?;
    while let Some(update) = updates.next().await {
        println!("{update:?}");
    }
    Ok(())
}
