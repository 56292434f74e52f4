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
}
