//! What the command took of the machine.

use serde_json::{Value, json};

/// dbt's `ResourceReport`. Where the system does not tell, the numbers are missing, as in dbt's on Windows.
pub(super) fn report(command: &str, success: bool, seconds: f64) -> Value {
    let mut report = json!({
        "command_name": command, "command_success": success, "command_wall_clock_time": seconds,
        "process_in_blocks": "0", "process_kernel_time": 0.0, "process_mem_max_rss": "0", "process_out_blocks": "0",
        "process_user_time": 0.0,
    });
    #[cfg(unix)]
    if let Some(usage) = usage() {
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        // dbt's log has 64-bit numbers as texts.
        report["process_in_blocks"] = usage.ru_inblock.to_string().into();
        report["process_kernel_time"] = seconds(usage.ru_stime).into();
        report["process_mem_max_rss"] = usage.ru_maxrss.to_string().into();
        report["process_out_blocks"] = usage.ru_oublock.to_string().into();
        report["process_user_time"] = seconds(usage.ru_utime).into();
    }
    report
}

#[cfg(unix)]
fn usage() -> Option<libc::rusage> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call writes one `rusage` behind the pointer, which all zeros is a valid value of already.
    unsafe { (libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) == 0).then(|| usage.assume_init()) }
}
