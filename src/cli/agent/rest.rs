//! What an agent gives back to the system before it rests.

/// Gives the pages of the program back to the kernel. Most of what a start and a pass run is not run again until there is something
/// to do, and what is needed while nothing happens is read again at once, from the kernel's own cache of the file
/// (docs/adr/0015-memory-and-processor-at-rest.md).
#[cfg(target_os = "linux")]
pub(super) fn give_back_code() {
    use procfs::process::{MMPermissions, MMapPath, MemoryMap, Process};
    use rustix::mm::{Advice, madvise};

    let is_unchanged_file = |map: &MemoryMap| {
        matches!(map.pathname, MMapPath::Path(_))
            && !map.perms.intersects(MMPermissions::WRITE | MMPermissions::SHARED)
            // Bytes in pages that are no longer those of the file: what was relocated, and where a debugger stops.
            && map.extension.map.get("Anonymous") == Some(&0)
    };
    // Where there is no /proc, nothing is given back.
    let Ok(maps) = Process::myself().and_then(|process| process.smaps()) else { return };
    for map in maps.iter().filter(|map| is_unchanged_file(map)) {
        let (Ok(from), Ok(to)) = (usize::try_from(map.address.0), usize::try_from(map.address.1)) else { continue };
        let start = std::ptr::with_exposed_provenance_mut(from);
        #[expect(
            unsafe_code,
            reason = "pages of a file that nobody can write to and that nobody changed: they are read again as they were"
        )]
        // SAFETY: a private mapping of a file without changed pages; the next access maps the same bytes.
        let given = unsafe { madvise(start, to - from, Advice::LinuxDontNeed) };
        if let Err(problem) = given {
            tracing::debug!(%problem, "pages of the program were not given back");
        }
    }
}

/// Other systems keep what they like.
#[cfg(not(target_os = "linux"))]
pub(super) fn give_back_code() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use procfs::process::{MMPermissions, MMapPath, Process};

    /// Returns how many bytes of this program's own code are in memory.
    fn resident_code() -> u64 {
        let process = Process::myself().expect("there is /proc");
        let program = process.exe().expect("the program has a file");
        let maps = process.smaps().expect("readable");
        let code = maps.iter().filter(|map| {
            map.perms.contains(MMPermissions::EXECUTE) && map.pathname == MMapPath::Path(program.clone())
        });
        code.map(|map| map.extension.map["Rss"]).sum()
    }

    #[test]
    fn code_is_given_back_and_runs_on() {
        // Something that an agent does once.
        crate::policy::read_built_in_rules();
        resident_code();
        let before = resident_code();
        super::give_back_code();
        let after = resident_code();
        assert!(after < before, "{after} of {before} bytes");
    }
}
