namespace Containerd;

/// <summary>How <see cref="IMounter.Unmount"/> goes about it.</summary>
[Flags]
public enum UnmountOptions
{
    /// <summary>Everything mounted at the target itself is unmounted; what is busy is retried for a short time, then reported.</summary>
    None = 0,

    /// <summary>Everything mounted beneath the target is unmounted first, deepest first.</summary>
    Recursive = 1,

    /// <summary>
    /// What is busy is detached (MNT_DETACH): it leaves the tree now and ends when its last user does. The space it holds stays held until
    /// then, unseen; that is why this is never the default.
    /// </summary>
    Lazy = 2,
}
