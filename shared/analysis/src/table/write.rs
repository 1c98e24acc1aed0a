//! Tables as CSV: the form of `_common-clean-my-data.md` 2, "writing". Nothing is quoted or neutralised beyond it.

use bytes::Bytes;
use polars::prelude::*;

use super::{Column, Table};

impl Table {
    /// A table of columns of equal height.
    ///
    /// # Errors
    /// When heights differ or a name occurs twice.
    pub fn of_columns(name: &str, columns: Vec<Column>) -> PolarsResult<Self> {
        // The data engine checks heights and names; the columns keep their facts.
        let frame = DataFrame::new_infer_height(columns.iter().map(Column::to_engine).collect())?;
        Ok(Self::assemble(name, frame.height(), columns))
    }

    /// The table as the data engine has it; shares the cells.
    ///
    /// # Errors
    /// When the data engine refuses the columns; a defect of ours.
    pub fn to_frame(&self) -> PolarsResult<DataFrame> {
        let columns: Vec<_> = self.columns().iter().map(Column::to_engine).collect();
        DataFrame::new(self.height(), columns)
    }

    /// The rows for which `keep` is true, in order.
    ///
    /// # Errors
    /// When there is not one flag per row.
    pub fn filtered(&self, keep: impl IntoIterator<Item = bool>) -> PolarsResult<Self> {
        let mask: BooleanChunked = keep.into_iter().map(Some).collect();
        self.to_frame()?.filter(&mask).map(|frame| Self::new(self.name(), frame))
    }

    /// The CSV: header, `,`, LF; null is nothing, empty text `""`, quotes only where they are needed. A table
    /// without columns is an empty header line.
    ///
    /// # Errors
    /// When the data engine refuses; a defect of ours.
    pub fn to_csv(&self) -> PolarsResult<Bytes> {
        if self.columns().is_empty() {
            return Ok(Bytes::from_static(b"\n"));
        }
        let mut csv = Vec::new();
        CsvWriter::new(&mut csv).finish(&mut self.to_frame()?)?;
        Ok(csv.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::ReadOptions;
    use proptest::prelude::*;

    fn written(csv: impl Into<Bytes>) -> String {
        let table = Table::read_csv("x.csv", &csv.into(), ReadOptions::inferring(100)).unwrap();
        String::from_utf8(table.to_csv().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn cells_have_their_form() {
        assert_eq!(
            written(
                "i,f,b,\"t,\"\n007,1.50,TRUE,\"a \"\"b\"\"\"\n,1e-7,false,\"\"\n-1,NaN,,\"x,\ny\"\n1,+1e16,,=1+1\n"
            ),
            "i,f,b,\"t,\"\n7,1.5,true,\"a \"\"b\"\"\"\n,1e-7,false,\"\"\n-1,NaN,,\"x,\ny\"\n1,1e+16,,=1+1\n"
        );
        assert_eq!(written("a,b\n"), "a,b\n");
    }

    proptest! {
        /// What was written reads as the same cells, so writing again changes nothing.
        #[test]
        fn writing_twice_changes_nothing(rows in prop::collection::vec("(|\"\"|[0-9]{1,3}|[0-9]\\.[0-9]{0,4}|true|[a-z =é]{0,14}|\"[a-z,\n]{0,20}\"),(|1|x)", 0..20)) {
            let once = written(format!("a,b\n{}\n", rows.join("\n")));
            prop_assert_eq!(written(once.clone()), once);
        }
    }
}
