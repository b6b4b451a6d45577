use std::time::Duration;

use super::*;

fn step(name: &str, seconds: u64, command: &[&str]) -> BuildStep {
    let command = command.iter().map(|&word| word.to_owned()).collect();
    BuildStep { command, ..BuildStep::new(name, Duration::from_secs(seconds)) }
}

fn report() -> BuildReport {
    let mut build = step("build", 3, &["/usr/bin/python3.14", "-m", "build", "--config-setting=a=b c"]);
    build.objects = Some(ObjectCounts { reused: 1, compiled: 2, linked: 1 });
    BuildReport {
        format: FORMAT,
        name: "demo".parse().unwrap(),
        version: "1.0".to_owned(),
        action: Digest::from_bytes([0xab; 32]),
        succeeded: true,
        finished: 1_000,
        seconds: 4.25,
        failure: None,
        failed_command: None,
        steps: vec![step("source", 0, &[]), build, step("admission", 5, &[])],
        objects: ObjectCounts { reused: 1, compiled: 2, linked: 1 },
        wheel: Some(WheelSizes {
            path: "/cache/demo-1.0-py3-none-any.whl".into(),
            filename: "demo-1.0-py3-none-any.whl".to_owned(),
            sha256: Digest::from_bytes([1; 32]),
            size: 2_000,
            unpacked: 9_000,
            files: 7,
            largest: vec![FileSize { path: "demo.so".to_owned(), size: 8_000, packed: 1_500 }],
        }),
        admission: Some(AdmissionSummary {
            verdict: Verdict::AdmittedWithWarnings,
            warnings: vec!["demo.so: it is large".to_owned()],
        }),
        side_modules: vec![SideModuleReport {
            path: "demo.so".to_owned(),
            size: 8_000,
            exports: 3,
            imports: crate::admission::ImportCounts { linker: 6, runtime: 12, ..Default::default() },
            ..SideModuleReport::default()
        }],
        warnings: Warnings { count: 2, first: vec!["a.c:1: warning: unused".to_owned()] },
        log: Some(LogExcerpt { path: "/cache/build.log".into(), last_lines: vec!["the end".to_owned()] }),
    }
}

#[test]
fn a_build_in_words() {
    insta::assert_snapshot!(report().to_string());
}

#[test]
fn a_failed_build_in_words() {
    let mut failed = report();
    failed.steps.pop();
    failed.failure = Some(BuildFailure {
        step: Some("build".to_owned()),
        error: "step `build` failed (exit status: 1)".to_owned(),
        lines: vec!["demo.c:3:1: error: unknown type name".to_owned(), "  int".to_owned()],
        log: "/cache/logs/demo-1.0.log".into(),
    });
    failed.failed_command = Some("cc -O2 -c demo.c -o demo.o".to_owned());
    (failed.succeeded, failed.wheel, failed.admission) = (false, None, None);
    failed.side_modules.clear();
    insta::assert_snapshot!(failed.to_string());
    assert_eq!(failed.failed_step().unwrap().step, "build");
    // What fails between two steps is no fault of the one before.
    failed.failure.as_mut().unwrap().step = None;
    assert!(failed.failed_step().is_none());
}

#[test]
fn a_report_as_json() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&report()).unwrap());
}
