namespace Containerd.Snapshots;

/// <summary>The system calls by which <see cref="LinuxMounter"/> mounts.</summary>
public enum MountApi
{
    /// <summary><see cref="Descriptor"/> where the kernel has it for what is asked, else <see cref="Mount2"/>.</summary>
    Auto = 0,

    /// <summary>
    /// fsopen(2), fsconfig(2), fsmount(2), open_tree(2), move_mount(2) (Linux 5.2) and mount_setattr(2) (5.12): each overlay layer is handed over by itself, so
    /// that their number has no bound but the kernel's 500, and the kernel says in words what it refuses.
    /// </summary>
    Descriptor = 1,

    /// <summary>mount(2): any kernel. The options of one mount are limited to a page (4095 bytes).</summary>
    Mount2 = 2,
}
