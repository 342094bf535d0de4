//! The ledger in a PostgreSQL database.

use crate::engine::ledger::{Of, Step, TABLE};
use crate::error::Result;

use super::{Server, identifier, literal};

impl Server {
    /// The last steps, newest first; `None` where there is no ledger.
    pub fn ledger(&self, of: Of<'_>, most: Option<u32>) -> Result<Option<Vec<Step>>> {
        let name = of.schema.map(|schema| format!("{}.", identifier(schema))).unwrap_or_default() + TABLE;
        let there = format!("select to_json(to_regclass({}) is not null)", literal(&name));
        if !self.answer_in::<bool>(&self.name, &there)? {
            return Ok(None);
        }
        let limit = most.map(|most| format!(" limit {most}")).unwrap_or_default();
        let steps = format!(
            "select coalesce(json_agg(to_jsonb(h) - 'id' - 'version_table' || jsonb_build_object('done_at', \
             to_char(done_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')) order by id desc), '[]') \
             from (select * from {name} where version_table = {} order by id desc{limit}) h",
            literal(of.version_table)
        );
        self.answer_in(&self.name, &steps).map(Some)
    }
}
