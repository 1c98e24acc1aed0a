//! The example data comes from its generator, byte for byte.

use std::path::Path;

use system_tests::python::Venv;

#[test]
fn the_generator_reproduces_the_customers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data");
    let shipped = std::fs::read_to_string(folder.join("customers.csv")).unwrap();

    let generator = folder.join("generate_customers.py");
    let run = Venv::celery57().unwrap().command([generator.into_os_string(), "--output".into(), "-".into()]);
    let generated = run.output().unwrap().success().unwrap().stdout;

    assert!(shipped == generated, "run examples/data/generate_customers.py and look at the difference");
    assert_eq!(shipped.lines().count(), 1001);
}
