namespace Containerd;

/// <summary>Where a container is in its life, as an OCI runtime tells it.</summary>
public enum RuntimeStatus
{
    /// <summary>The runtime is making it.</summary>
    Creating = 1,

    /// <summary>Made; its process waits to be started.</summary>
    Created,

    /// <summary>Its process runs.</summary>
    Running,

    /// <summary>Its processes are frozen.</summary>
    Paused,

    /// <summary>Its process has ended.</summary>
    Stopped,
}
