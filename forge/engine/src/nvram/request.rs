//! The request to enroll a key: MokTimeout, MokAuth and MokNew.

use forge_model::machine::Staging;

use super::told;
use crate::{
    efivars::{SHIM_LOCK, Variable, VariableError, Variables},
    mok::Request,
};

/// In this order: shim starts MokManager for any of the last two, and MokNew without MokAuth could not be answered.
const ORDER: [&str; 3] = ["MokTimeout", "MokAuth", "MokNew"];

/// Leaves a request for MokManager. One that waited, or half of one, is gone first; on failure nothing is left.
#[must_use]
pub fn stage_request(variables: &Variables, request: &Request) -> Staging {
    if !variables.present() {
        return Staging::NotHere;
    }
    told("the request to enroll the key", put(variables, request))
}

fn put(variables: &Variables, request: &Request) -> Result<(), VariableError> {
    let timeout = variables.read("MokTimeout", SHIM_LOCK)?;
    let written = write(variables, request);
    if written.is_err() {
        take_back(variables, timeout.as_ref());
    }
    written
}

fn write(variables: &Variables, request: &Request) -> Result<(), VariableError> {
    // The certificate goes first: a request with another code than its own would only cost three tries.
    variables.delete("MokNew", SHIM_LOCK)?;
    variables.delete("MokAuth", SHIM_LOCK)?;
    for name in ORDER {
        for wanted in request.variables().iter().filter(|variable| variable.name == name) {
            let variable = Variable { attributes: wanted.attributes, data: wanted.data.clone() };
            variables.write(wanted.name, wanted.guid, &variable)?;
            variables.check(wanted.name, wanted.guid, &variable)?;
        }
    }
    Ok(())
}

/// Leaves nothing half-asked. What fails here is only told: there is nothing more to try.
fn take_back(variables: &Variables, timeout: Option<&Variable>) {
    let timeout = match timeout {
        Some(timeout) => variables.write("MokTimeout", SHIM_LOCK, timeout),
        None => variables.delete("MokTimeout", SHIM_LOCK).map(|_| ()),
    };
    let others = ["MokNew", "MokAuth"].map(|name| variables.delete(name, SHIM_LOCK).map(|_| ()));
    for error in others.into_iter().chain([timeout]).filter_map(Result::err) {
        log::warn!("a part of the request is left: {error}");
    }
}
