//! Real clients against the gateway: kcat, confluent-kafka and kazoo in every run of the tests, Apache
//! Kafka's own command-line tools with `cargo xtask java-clients`. What a machine cannot get is left
//! out with a line that says so.

use std::path::{Path, PathBuf};

use crate::Failure;
use crate::apt::Apt;
use crate::console::part;
use crate::process::{cargo, command, find_on_path, project_root, run, run_tests};
use crate::tally::Tally;
use crate::tools;

/// The Python clients. New versions may ask for more than 2.8 answers, so they are chosen by hand.
const PACKAGES: [&str; 2] = ["confluent-kafka==2.16.1", "kazoo==2.11.0"];
/// What is emulated, and its tools.
const KAFKA: [(&str, &str); 3] = [
    ("org.apache.kafka", "kafka_2.13:2.8.2"),
    ("org.apache.kafka", "kafka-tools:2.8.2"),
    ("org.slf4j", "slf4j-log4j12:1.7.30"),
];

/// Runs the checks of every client that can be had here.
pub fn test(tally: &mut Tally) -> Result<(), Failure> {
    let Some(python) = python() else {
        println!("\n== Real clients: left out, since their Python packages cannot be had here.");
        return Ok(());
    };
    let gateway = build(&["build", "--locked", "--bin", "gateway"], "debug")?;
    let mut scripts = vec!["confluent_client.py", "kazoo_client.py"];
    if has_kcat() {
        scripts.insert(0, "kcat_client.py");
    } else {
        println!("\n== kcat: left out, since it is not on PATH and cannot be installed here.");
    }
    for script in scripts {
        part(&format!("Real clients: {script}"), || {
            let ran = run_tests(&mut check(&python, script, &gateway))?;
            let failure = ran.failure().map(Failure::from);
            tally.add(ran);
            failure.map_or(Ok(()), Err)
        })?;
    }
    Ok(())
}

/// Runs Apache Kafka's tools against the gateway and keeps the report that the script writes.
pub fn java() -> Result<(), Failure> {
    let Some(libraries) = kafka_libraries() else {
        println!(
            "Apache Kafka's tools: left out, since Java, Maven or its repository are not here."
        );
        return Ok(());
    };
    let gateway = build(&["build", "--locked", "--bin", "gateway"], "debug")?;
    let report = project_root().join("target/java-clients.md");
    part("Apache Kafka's tools", || {
        let mut script = check(Path::new("python3"), "java_tools.py", &gateway);
        script.env("KAFKA_LIBRARIES", &libraries).env("KAFKARIUM_REPORT", &report);
        run(&mut script)
    })?;
    println!("The report is {}.", report.display());
    Ok(())
}

/// Measures the gateway under Apache Kafka's perf tools, beside Apache Kafka itself; one JSON object a
/// line. Without Java there is nothing to measure with.
pub fn bench() -> Result<(), Failure> {
    let Some(libraries) = kafka_libraries() else {
        println!("{{\"bench\":\"gateway\",\"left_out\":\"no Java or no Maven repository\"}}");
        return Ok(());
    };
    let native = ["build", "--locked", "--profile", "native", "--bin", "gateway"];
    let gateway = build(&native, "native")?;
    let mut script = check(Path::new("python3"), "java_bench.py", &gateway);
    run(script.env("KAFKA_LIBRARIES", &libraries))
}

/// A script of `tests/clients`, told where the gateway is.
fn check(python: &Path, script: &str, gateway: &Path) -> std::process::Command {
    let mut check = command(python);
    check.arg(project_root().join("tests/clients").join(script));
    check.env("KAFKARIUM_GATEWAY", gateway).env("PYTHONDONTWRITEBYTECODE", "1");
    check
}

fn build(args: &[&str], profile: &str) -> Result<PathBuf, Failure> {
    part("Building the gateway", || run(cargo().args(args)))?;
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(|| project_root().join("target"), PathBuf::from);
    let program = target.join(profile).join("gateway");
    Ok(program.with_extension(std::env::consts::EXE_EXTENSION))
}

/// A Python that has the packages, in a folder that all clones share.
fn python() -> Option<PathBuf> {
    let name = PACKAGES.join("-").replace("==", "-");
    let venv = tools::folder().join(format!("clients-{name}"));
    let python = venv.join("bin/python");
    let has_packages = || {
        let mut check = command(&python);
        python.is_file()
            && crate::process::output_of(check.args(["-c", "import confluent_kafka, kazoo"]))
                .is_some()
    };
    if has_packages() {
        return Some(python);
    }
    let create = || run(command("python3").args(["-m", "venv"]).arg(&venv));
    let made = part("Setting up the Python clients (once)", || {
        if create().is_err() {
            // Debian keeps this module of Python's apart.
            let apt = Apt::here().ok_or("there is no Python with its venv module")?;
            apt.install("Python", &["python3", "python3-venv"])?;
            create()?;
        }
        run(command(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))
    });
    (made.is_ok() && has_packages()).then_some(python)
}

fn has_kcat() -> bool {
    let is_here = || find_on_path("kcat").is_some();
    let install = || Apt::here().is_some_and(|apt| apt.install("kcat", &["kcat"]).is_ok());
    is_here() || (install() && is_here())
}

/// The folder with Kafka's jars, fetched once by Maven.
fn kafka_libraries() -> Option<PathBuf> {
    find_on_path("java")?;
    let folder = tools::folder().join("kafka-2.8.2");
    let (libraries, complete) = (folder.join("libs"), folder.join("complete"));
    if complete.is_file() {
        return Some(libraries);
    }
    find_on_path("mvn")?;
    let fetch = || -> Result<(), Failure> {
        let written = |error: std::io::Error| Failure(format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(&folder).map_err(written)?;
        std::fs::write(folder.join("pom.xml"), pom()).map_err(written)?;
        let mut mvn = command("mvn");
        mvn.args(["--batch-mode", "--quiet", "--file"]).arg(folder.join("pom.xml"));
        let output = format!("-DoutputDirectory={}", libraries.display());
        run(mvn.args(["dependency:copy-dependencies", &output]))?;
        std::fs::write(&complete, "").map_err(written)
    };
    part("Fetching Apache Kafka 2.8.2 with Maven (once)", fetch).ok().map(|()| libraries)
}

fn pom() -> String {
    let dependency = |(group, what): (&str, &str)| {
        let (artifact, version) = what.split_once(':').unwrap_or((what, ""));
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>\n"
        )
    };
    let dependencies: String = KAFKA.into_iter().map(dependency).collect();
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\n\
         <groupId>kafkarium</groupId><artifactId>tools</artifactId><version>1</version>\
         <packaging>pom</packaging>\n<dependencies>\n{dependencies}</dependencies></project>\n"
    )
}
