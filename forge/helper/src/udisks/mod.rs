use forge_model::{Inventory, inventory::Disk};
use futures_util::Stream;
use std::{fs::File, path::Path, time::Duration};
pub struct Udisks;
#[derive(Debug, thiserror::Error)]
pub enum UdisksError {
    #[error("busy")]
    Busy { path: String },
}
impl Udisks {
    pub fn new(_c: &zbus::Connection, _extra: &[&Path]) -> Self {
        Self
    }
    pub async fn inventory(&self) -> Result<Inventory, UdisksError> {
        todo!()
    }
    pub async fn open(&self, _d: &Disk) -> Result<File, UdisksError> {
        todo!()
    }
    pub async fn read_only(&self, _d: &Disk) -> Result<File, UdisksError> {
        todo!()
    }
    pub async fn rescan(&self, _p: &str) -> Result<(), UdisksError> {
        todo!()
    }
    pub async fn wait_for_partitions(&self, _p: &str, _i: &[uuid::Uuid], _l: Duration) -> bool {
        todo!()
    }
    pub async fn changes(&self) -> Result<impl Stream<Item = ()> + Unpin + use<>, UdisksError> {
        Ok(futures_util::stream::empty())
    }
}
