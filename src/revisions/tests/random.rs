//! Random revision files: branches, merges, labels, dependencies, docstrings of all kinds.

use std::path::Path;

/// Numbers that a seed decides (xorshift).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % end.max(1)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }
}

const DOCS: [&str; 10] = [
    "",
    "\"\"\"one line\"\"\"\n",
    "'''ends with spaces   \n\nRevision ID: x\nRevises: y\nCreate Date: 2026-11-21 10:00:00.123456  \n\n'''\n",
    "\"\"\"first line\nsecond line\n\nparagraph\n\n\n  indented\nCreate Date:\nCreate Date: x\n\"\"\"\n",
    "\"\"\"übung \\u00e9 \\x41 \\N{BULLET} %s {} \\\\ \\\"\"\"\"\n",
    "\"\"\"\n\n  spaces\t\n\n\"\"\"\n",
    "r\"raw \\d\" \" and more\"\n",
    "\"\"\"form\\x0cfeed \\x1c and\\u2028line \\r\\n end\\x1f\"\"\"\n",
    "\"\"\"empty message\n\nRevision ID: 1\n\"\"\"\n",
    "\"\"\"first\n\n    indented\n\"\"\"\n",
];

/// Writes a graph's files below `folder`; `false` where something is broken on purpose.
pub fn write(random: &mut Random, folder: &Path) -> bool {
    let count = random.below(13);
    let broken = random.chance(6) && count > 2;
    let mut labels: Vec<String> = Vec::new();
    for at in 0..count {
        let mut text = docstring(random).to_owned();
        text += random.pick(&[
            "",
            "from alembic import op\n",
            "import os, sys\ntry:\n    import json\nexcept ImportError:\n    json = None\n",
        ]);
        let id = if broken && at == count - 1 && random.chance(40) { 1 } else { at };
        let parents = parents(random, at, broken && at == count - 1);
        text += &format!("revision{} = {:?}\n", random.pick(&["", ": str"]), name(id));
        text += &format!("down_revision = {}\n", written(random, &parents));
        text += &dependencies(random, at, &labels);
        let mut own = Vec::new();
        while random.chance(16) && labels.len() < 5 {
            own.push(format!("lab{}", labels.len()));
            labels.push(format!("lab{}", labels.len()));
        }
        if !own.is_empty() || random.chance(50) {
            text += &format!("branch_labels = {}\n", written(random, &own));
        }
        text += "\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n";
        let file = format!("{:02}_{}.py", random.below(30), name(at));
        std::fs::write(folder.join(file), text).unwrap();
    }
    !broken
}

/// One that Pythons read differently is rare.
fn docstring(random: &mut Random) -> &'static str {
    let docs = if random.chance(2) { DOCS.as_slice() } else { &DOCS[..DOCS.len() - 1] };
    random.pick(docs)
}

pub fn name(at: usize) -> String {
    format!("r00{at:02}")
}

fn parents(random: &mut Random, at: usize, broken: bool) -> Vec<String> {
    if broken {
        let other = if random.chance(50) { "gone".to_owned() } else { name(at) };
        return vec![other];
    }
    let wanted = match random.below(100) {
        _ if at == 0 => 0,
        0..=11 => 0,
        12..=74 => 1,
        75..=91 => 2,
        _ => 3,
    };
    some(random, at, wanted)
}

/// Up to so many different earlier revisions, late ones more often.
fn some(random: &mut Random, at: usize, wanted: usize) -> Vec<String> {
    let mut chosen = Vec::new();
    for _ in 0..wanted {
        let nearest = random.below(at);
        let one = name(nearest.max(random.below(at)));
        if !chosen.contains(&one) {
            chosen.push(one);
        }
    }
    chosen
}

fn dependencies(random: &mut Random, at: usize, labels: &[String]) -> String {
    if at == 0 || !random.chance(25) {
        return random.pick(&["", "depends_on = None\n"]).to_owned();
    }
    let wanted = 1 + random.below(3);
    let mut chosen = some(random, at, wanted);
    if !labels.is_empty() && random.chance(40) {
        chosen.push(labels[random.below(labels.len())].clone());
    }
    format!("depends_on = {}\n", written(random, &chosen))
}

/// A text, a tuple or a list, as people write them.
fn written(random: &mut Random, names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    match (names.len(), random.below(3)) {
        (0, 0) => "()".to_owned(),
        (0, _) => "None".to_owned(),
        (1, 0) => quoted[0].clone(),
        (_, 1) => format!("[{}]", quoted.join(", ")),
        _ => format!("({},)", quoted.join(", ")),
    }
}
