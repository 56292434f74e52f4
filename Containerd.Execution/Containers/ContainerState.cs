using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>The <c>state.json</c> of a container: what another process needs to clean up behind this one.</summary>
internal sealed record ContainerState
{
    public required string Id { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The runtime that has it; another one cannot delete it.</summary>
    public required string Runtime { get; init; }

    /// <summary>The boot it belongs to: after another one every process of it is gone.</summary>
    public required string BootId { get; init; }

    public required string CgroupsPath { get; init; }

    public bool KeepRunning { get; init; }

    /// <summary>Whether its root file system is mounted on the host.</summary>
    public bool HostMount { get; init; }

    /// <summary>Whether a runtime has ever been told to make it: before that, whatever is in its cgroup is somebody else's.</summary>
    public bool Launched { get; init; }

    /// <summary>Whether its process has been started.</summary>
    public bool Started { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ContainerState))]
internal sealed partial class StateJson : JsonSerializerContext;
