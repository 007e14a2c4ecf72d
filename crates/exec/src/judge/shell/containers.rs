//! Containers that are no containment: privileged ones, and those that are given the machine's folders or sockets.

use super::{
    Refusal,
    command::Call,
    paths::{Place, place},
    refuse,
    value::Value,
};

const ENGINES: [&str; 6] = ["docker", "podman", "nerdctl", "lxc", "ctr", "crictl"];

/// Refuses options that give a container the machine.
pub(super) fn check(call: &Call<'_>) -> Result<(), Refusal> {
    if !ENGINES.contains(&call.name) && !matches!(call.name, "docker-compose" | "kubectl" | "oc") {
        return Ok(());
    }
    for (index, argument) in call.arguments.iter().enumerate() {
        let (name, attached) = argument
            .text
            .split_once('=')
            .map_or((argument.text.as_str(), None), |(name, value)| (name, Some(value)));
        let value = attached.map(str::to_owned).or_else(|| call.arguments.get(index + 1).map(Value::shown));
        if opens(name, value.as_deref().unwrap_or_default()) || gives_machine(&argument.text) {
            return refuse(
                "container-escape",
                format!("`{name}` gives the container the machine it runs on; leave it out"),
            );
        }
        let mounted = match name {
            "-v" | "--volume" => {
                value.as_deref().and_then(|value| value.split(':').next()).map(str::to_owned)
            }
            "--mount" => {
                let parts =
                    argument.text.strip_prefix("--mount=").map(str::to_owned).or(value).unwrap_or_default();
                parts.split(',').find_map(|part| {
                    part.strip_prefix("source=").or_else(|| part.strip_prefix("src=")).map(str::to_owned)
                })
            }
            _ => name.strip_prefix("-v").and_then(|rest| rest.split(':').next()).map(str::to_owned),
        };
        if let Some(source) = mounted
            && is_machine(place(&source, call.folder.as_deref()))
        {
            return refuse(
                "container-escape",
                format!(
                    "`{source}` of the machine is given to the container; give it a folder of the workspace"
                ),
            );
        }
    }
    Ok(())
}

fn opens(name: &str, value: &str) -> bool {
    match name {
        "--privileged" => value != "false",
        "--pid" | "--ipc" | "--userns" | "--uts" | "--cgroupns" => value == "host",
        "--cap-add" | "--device" | "--device-cgroup-rule" => true,
        "--security-opt" => value.contains("unconfined") || value.contains("disable"),
        _ => false,
    }
}

/// Overrides that ask for a privileged pod.
fn gives_machine(text: &str) -> bool {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    text.contains("\"privileged\":true") || text.contains("\"hostPID\":true") || text.contains("\"hostPath\"")
}

fn is_machine(place: Place) -> bool {
    match place {
        Place::Root
        | Place::Home
        | Place::System
        | Place::Device
        | Place::Startup
        | Place::Bridge
        | Place::Engine => true,
        Place::Workspace | Place::Above | Place::Null | Place::Network | Place::History | Place::Ordinary => {
            false
        }
    }
}
