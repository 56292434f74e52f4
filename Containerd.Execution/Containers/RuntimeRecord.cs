namespace Containerd.Execution;

/// <summary>Whether the runtime knows a container by the ID.</summary>
internal enum RuntimeRecord
{
    /// <summary>It does not.</summary>
    None,

    /// <summary>It does, and it is this container.</summary>
    Ours,

    /// <summary>Nobody knows: whoever made it has died.</summary>
    Unknown,
}
