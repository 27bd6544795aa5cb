//! The machine: file descriptors, memory.

use std::fs;

use super::check::Check;
use crate::config::{Config, SourceKind};

/// Descriptors beside vehicles and database: files, console, broker's own.
const SPARE_FILES: u64 = 256;
/// What the engine takes before anything waits, with a hundred thousand vehicles in memory.
const BASE_BYTES: u64 = 512 * 1024 * 1024;

pub fn look(config: &Config, checks: &mut Vec<Check>) {
    checks.push(files(config, limit_of_files()));
    checks.push(memory(config, available_bytes()));
}

fn files(config: &Config, limit: Option<u64>) -> Check {
    const NAME: &str = "machine.files";
    let vehicles = if config.mqtt.source == SourceKind::Embedded { config.mqtt.max_connections as u64 } else { 1 };
    let others = config.database.connections(config.lanes.effective_count()) as usize + config.http.max_connections;
    let wanted = vehicles + others as u64 + SPARE_FILES;
    match limit {
        None => Check::unknown(NAME, "the limit of open files cannot be read", "look at /proc/self/limits"),
        Some(limit) if limit < wanted => {
            let found = format!("{limit} open files are allowed, {wanted} may be needed");
            Check::doubtful(NAME, found, format!("`ulimit -n {wanted}`, or LimitNOFILE={wanted} in the systemd unit"))
        }
        Some(limit) => Check::good(NAME, format!("{limit} open files are allowed, at most {wanted} are needed")),
    }
}

fn memory(config: &Config, available: Option<u64>) -> Check {
    const NAME: &str = "machine.memory";
    let buffer = if config.mqtt.source == SourceKind::Embedded { config.mqtt.buffer_bytes } else { 0 };
    let queues = config.lanes.queue_bytes * config.lanes.effective_count();
    let wanted = BASE_BYTES + (buffer + queues) as u64;
    let mib = |bytes: u64| bytes / (1024 * 1024);
    match available {
        None => Check::unknown(NAME, "available memory cannot be read", "look at /proc/meminfo"),
        Some(available) if available < wanted => {
            let found =
                format!("{} MiB are available, queues and buffers may fill {} MiB", mib(available), mib(wanted));
            Check::doubtful(NAME, found, "lower mqtt.buffer_bytes or lanes.queue_bytes, or give the machine more")
        }
        Some(available) => {
            Check::good(NAME, format!("{} MiB available, at most about {} MiB needed", mib(available), mib(wanted)))
        }
    }
}

fn limit_of_files() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    if soft == "unlimited" { Some(u64::MAX) } else { soft.parse().ok() }
}

fn available_bytes() -> Option<u64> {
    let memory = fs::read_to_string("/proc/meminfo").ok()?;
    let line = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kb: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kb * 1024)
}

#[cfg(test)]
mod tests {
    use super::super::check::Verdict;
    use super::*;

    #[test]
    fn too_few_files_name_the_number_to_set() {
        let mut config = Config::default();
        config.lanes.count = 2;
        let check = files(&config, Some(1_024));
        assert_eq!(check.verdict, Verdict::Doubtful);
        assert!(check.remedy.contains("8285"), "{check:?}");
        assert_eq!(files(&Config::default(), Some(65_536)).verdict, Verdict::Good);
    }

    #[test]
    fn this_machine_can_be_read() {
        assert!(limit_of_files().is_some() && available_bytes().is_some());
    }
}
