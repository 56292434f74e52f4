namespace Containerd.Execution;

public sealed partial record Spec
{
    private const string DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>
    /// What a container is when nothing else is said: fourteen capabilities, no new privileges, namespaces of its own for processes, IPC, host name, mounts and network,
    /// the usual mounts and devices, kernel paths masked; no arguments yet, and no seccomp filter.
    /// </summary>
    /// <remarks>Source: containerd pkg/oci/spec.go populateDefaultUnixSpec, mounts.go, and WithDefaultUnixDevices .</remarks>
    public static Spec Default { get; } = new()
    {
        Root = new SpecRoot(),
        Process = new SpecProcess
        {
            Env = [DefaultPath],
            NoNewPrivileges = true,
            Capabilities = Capabilities(),
            Rlimits = [new SpecRlimit { Type = "RLIMIT_NOFILE", Hard = 1024, Soft = 1024 }],
        },
        Mounts =
        [
            Virtual("/proc", "proc", "nosuid", "noexec", "nodev"),
            Virtual("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            Virtual("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            Virtual("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            Virtual("/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
            Virtual("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
            Virtual("/run", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        ],
        Linux = new SpecLinux
        {
            Namespaces = [.. new[] { "pid", "ipc", "uts", "mount", "network" }.Select(type => new LinuxNamespace { Type = type })],
            Resources = new LinuxResources { Devices = DeviceRules() },
            MaskedPaths =
            [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                "/proc/sched_debug", "/sys/firmware", "/sys/devices/virtual/powercap", "/proc/scsi",
            ],
            ReadonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    };

    private static SpecCapabilities Capabilities()
    {
        string[] names =
        [
            "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP",
            "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
        ];
        // Nothing inheritable or ambient: CVE-2022-24769.
        return new SpecCapabilities { Bounding = names, Effective = names, Permitted = names };
    }

    private static LinuxDeviceRule[] DeviceRules() =>
    [
        new() { Allow = false, Access = "rwm" },
        Character(1, 3), // null
        Character(1, 8), // random
        Character(1, 7), // full
        Character(5, 0), // tty
        Character(1, 5), // zero
        Character(1, 9), // urandom
        Character(5, 1), // console
        Character(136, null), // the terminals of /dev/pts
        Character(5, 2), // ptmx
    ];

    private static LinuxDeviceRule Character(long major, long? minor) => new() { Allow = true, Type = "c", Major = major, Minor = minor, Access = "rwm" };

    private static SpecMount Virtual(string destination, string type, params string[] options) =>
        Virtual(destination, type, type, options);

    private static SpecMount Virtual(string destination, string type, string source, string[] options) =>
        new() { Destination = destination, Type = type, Source = source, Options = options };
}
