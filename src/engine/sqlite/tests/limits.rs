//! Full disks and folders that take no files.

use super::*;

/// A small file system of its own, unmounted at the end; `None` where we may not mount.
struct Mount(PathBuf);

impl Mount {
    fn new(folder: &Folder, arguments: &[&str], what: &Path) -> Option<Self> {
        let place = folder.path("mount");
        std::fs::create_dir_all(&place).unwrap();
        let mounted = tool("mount").args(arguments.iter().copied()).arg(what).arg(&place).capture().ok()?;
        mounted.status.success().then_some(Self(place))
    }

    fn tmpfs(folder: &Folder, kilobytes: u32) -> Option<Self> {
        Self::new(folder, &["-t", "tmpfs", "-o", &format!("size={kilobytes}k")], Path::new("tmpfs"))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = tool("umount").arg(&self.0).capture();
    }
}

#[test]
fn a_disk_without_room_is_noticed_before_the_copy_and_while_it_is_made() {
    let folder = Folder::new();
    let source = folder.database("source.db", &many(4000));
    let Some(mount) = Mount::tmpfs(&folder, 4000) else { return };
    let target = file(&mount.0.join("target.db"));
    run(&target.path().unwrap(), "create table old(x); insert into old values(1)");
    let left = || {
        let names = std::fs::read_dir(&mount.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<Vec<_>>()
    };
    // Room for the copy beside the target, and none for the target itself.
    let full = clone(&source, &target, &Copying::default()).unwrap_err();
    assert_eq!(full.code(), 5);
    assert!(
        full.to_string().starts_with(&format!("not enough room in {}: the new content needs ", mount.0.display())),
        "{full}"
    );
    assert_eq!(left(), ["target.db"]);
    // No room for the copy.
    run(&source.path().unwrap(), &many_in("t2", 8000));
    let full = clone(&source, &target, &Copying::default()).unwrap_err();
    assert!(
        full.to_string().starts_with(&format!("not enough room in {}: the copy needs ", mount.0.display())),
        "{full}"
    );
    // Filled by what the copy is filled with.
    let full = quietly(|watch| {
        replace(&target, false, watch, &mut |aside| {
            std::fs::write(folder.path("f.sql"), many(8000)).unwrap();
            aside.run_file(&folder.path("f.sql"), watch)
        })
    })
    .unwrap_err();
    assert_eq!(full.code(), 5);
    assert!(full.to_string().contains("full"), "{full}");
    assert_eq!(left(), ["target.db"]);
    assert_eq!(ask(&target.path().unwrap(), "select x from old"), "1");
}

#[test]
fn a_source_in_a_read_only_folder_is_read_and_a_target_there_is_refused() {
    for mode in ["wal", "delete"] {
        let folder = Folder::new();
        let inner = folder.path("inner");
        std::fs::create_dir(&inner).unwrap();
        run(&inner.join("x.db"), &format!("pragma journal_mode={mode}; {}", many(100)));
        let Some(mount) = Mount::new(&folder, &["-o", "bind,ro"], &inner) else { return };
        let source = file(&mount.0.join("x.db"));
        let target = folder.database("target.db", "");
        clone(&source, &target, &Copying::default()).unwrap();
        assert_eq!(ask(&target.path().unwrap(), "select count(*) from t"), "100", "{mode}");
        assert_eq!(source.row_counts().unwrap(), [("t".into(), 100)]);
        let refused = clone(&target, &source, &Copying::default()).unwrap_err();
        assert_eq!(refused.code(), 3, "{refused}");
        assert_eq!(quietly(|watch| source.run_file(Path::new("/dev/null"), watch)).unwrap_err().code(), 3);
        // A log with pages in it cannot be left out.
        drop(mount);
        if mode == "wal" {
            drop(Other::start(&inner.join("x.db"), &["insert into t(body) values('in the log')"]));
            std::fs::remove_file(inner.join("x.db-shm")).unwrap();
            let Some(mount) = Mount::new(&folder, &["-o", "bind,ro"], &inner) else { return };
            let error =
                clone(&file(&mount.0.join("x.db")), &folder.database("again.db", ""), &Copying::default()).unwrap_err();
            assert_eq!(error.code(), 4, "{error}");
        }
    }
}
