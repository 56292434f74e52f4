namespace Containerd.Snapshots;

/// <summary>How <see cref="LinuxMounter"/> works.</summary>
public sealed class LinuxMounterOptions
{
    /// <summary>The system calls to mount by.</summary>
    /// <value><see cref="MountApi.Auto"/>. Another value is for kernels or sandboxes that have one of them but break it.</value>
    public MountApi Api { get; set; }

    /// <summary>How long <see cref="LinuxMounter.Unmount"/> tries again while a mount is busy.</summary>
    /// <value>2.5 seconds, as containerd: what a process that has just ended still holds is free by then.</value>
    /// <exception cref="ArgumentOutOfRangeException">Negative, or longer than an hour.</exception>
    public TimeSpan BusyTimeout
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, TimeSpan.FromHours(1));
            field = value;
        }
    } = TimeSpan.FromSeconds(2.5);

    /// <summary>The directory to mount in where the kernel cannot make a mount that is in no place, as by mount(2). Any number of processes of one user can share it.</summary>
    /// <value>
    /// Null: <c>/run/containerd-net-mounts</c> for root, <c>$XDG_RUNTIME_DIR/containerd-net-mounts</c> for others and in a user namespace. Made with mode 0700
    /// when it is first needed, its parent has to exist; one that is there has to be this user's, and nobody else may have write permission.
    /// </value>
    /// <exception cref="ArgumentException">Not an absolute path.</exception>
    public string? TemporaryDirectory
    {
        get;
        set => field = value is null || Path.IsPathFullyQualified(value) ? value : throw new ArgumentException("The temporary directory has to be an absolute path.", nameof(value));
    }
}
