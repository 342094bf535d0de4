//! Temporary.
use super::Repo;

#[test]
fn probe() {
    for group in ["keys", "names", "values", "connections", "yaml"] {
        let text = std::fs::read_to_string(format!("/tmp/groups/{group}.txt")).unwrap();
        let mut out = String::new();
        for case in text.split("=====\n") {
            let repo = Repo::with(case.replace("<TAB>", "\t").replace("<BOM>", "\u{feff}").as_bytes(), &[]);
            let told = match repo.read() {
                Ok(_) => "OK".to_owned(),
                Err(e) => e.to_string(),
            };
            if !out.is_empty() {
                out += "=====\n"
            }
            out += &format!("{case}-----\n{told}\n");
        }
        std::fs::create_dir_all("src/settings/tests/errors").unwrap();
        std::fs::write(format!("src/settings/tests/errors/{group}.txt"), out).unwrap();
    }
}
