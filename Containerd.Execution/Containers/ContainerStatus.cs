namespace Containerd.Execution;

/// <summary>Where a container is in its life.</summary>
public enum ContainerStatus
{
    /// <summary>It is there; its process has not been started.</summary>
    Created = 1,

    /// <summary>Its process runs.</summary>
    Running,

    /// <summary>Its processes are frozen.</summary>
    Paused,

    /// <summary>Its process has ended, or could not be started.</summary>
    Stopped,

    /// <summary>Nothing is left of it.</summary>
    Deleted,
}
