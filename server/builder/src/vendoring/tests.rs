use std::collections::BTreeMap;

use super::*;

const NAMES: WheelNames<'static> = WheelNames { dist_info: "demo-1.0.dist-info", data: "demo-1.0.data" };

fn module(dylink: &str) -> (Vec<u8>, bool) {
    (wat::parse_str(format!("(module (@dylink.0 (mem-info) {dylink}) (func))")).unwrap(), true)
}

fn needing(name: &str) -> (Vec<u8>, bool) {
    module(&format!("(needed \"{name}\")"))
}

/// The wheel's files after: needed libraries and runtime paths of each that is a side module.
fn vendored(files: &[(&str, (Vec<u8>, bool))], host: &[(&str, (Vec<u8>, bool))]) -> String {
    let mut files: Files = files.iter().map(|(path, file)| ((*path).to_owned(), file.clone())).collect();
    let host: BTreeMap<&str, Vec<u8>> = host.iter().map(|(name, (bytes, _))| (*name, bytes.clone())).collect();
    let before = files.clone();
    let added = vendor(&NAMES, &mut files, |name| Ok(host.get(name).cloned())).unwrap();
    let mut lines = vec![format!("added: {}", added.join(", "))];
    for (path, file) in &files {
        let is_same = if before.get(path) == Some(file) { " (untouched)" } else { "" };
        let told = SideModule::parse(&file.0).map_or_else(
            |_| "no side module".to_owned(),
            |module| format!("needs {:?}, paths {:?}", module.dylink.needed, module.dylink.runtime_paths),
        );
        lines.push(format!("{path}{is_same}: {told}"));
    }
    lines.join("\n")
}

#[test]
fn libraries_come_with_what_they_need_and_every_module_finds_them() {
    let files = [
        ("_top.so", needing("liba.so")),
        ("demo/_demo.so", needing("liba.so")),
        ("demo/deep/er/_demo.so", needing("libb.so.2")),
        ("demo/_other.so", module("")),
        ("demo/data.wasm", (b"\0asm\x01\0\0\0".to_vec(), false)),
        ("demo/__init__.py", (b"import demo._demo".to_vec(), false)),
        ("demo-1.0.data/platlib/more/_more.so", needing("liba.so")),
        ("demo-1.0.data/data/share/_data.so", needing("liba.so")),
    ];
    let host = [("liba.so", needing("libb.so.2")), ("libb.so.2", module("")), ("libc.so", module(""))];
    insta::assert_snapshot!(vendored(&files, &host));
}

#[test]
fn what_the_wheel_has_itself_stays_where_it_is() {
    let files = [
        ("demo/_own.so", module("(needed \"liba.so\") (runtime-path \"$ORIGIN/lib\" \"/build/lib\")")),
        ("demo/_both.so", module("(needed \"liba.so\" \"libb.so\") (runtime-path \"/build/lib\" \"$ORIGIN/lib\")")),
        ("demo/_unknown.so", needing("libunknown.so")),
        ("demo/lib/liba.so", module("")),
        ("demo.libs/libc.so", module("")),
        ("demo/_put_there_by_the_build.so", needing("libc.so")),
    ];
    let host = [("liba.so", module("")), ("libb.so", module("")), ("libc.so", needing("libother.so"))];
    insta::assert_snapshot!(vendored(&files, &host));
}

#[test]
fn doing_it_again_changes_nothing() {
    let mut files: Files = [("demo/_demo.so".to_owned(), needing("liba.so"))].into();
    let find = |_: &str| Ok(Some(module("").0));
    assert_eq!(vendor(&NAMES, &mut files, find).unwrap(), ["liba.so"]);
    let once = files.clone();
    assert_eq!(vendor(&NAMES, &mut files, find).unwrap(), [""; 0]);
    assert_eq!(files, once);
}

#[test]
fn libraries_that_need_each_other_come_once_each() {
    let files = [("_demo.so", needing("liba.so"))];
    insta::assert_snapshot!(vendored(&files, &[("liba.so", needing("libb.so")), ("libb.so", needing("liba.so"))]));
}
