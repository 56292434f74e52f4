using System.Text.Json;

namespace Containerd;

/// <summary>Which runtime this is and what it can do.</summary>
public sealed record RuntimeInfo
{
    /// <summary>The program's own name: <c>runc</c>, <c>crun</c> …</summary>
    public required string Name { get; init; }

    /// <summary>The version it gives itself.</summary>
    public required Version Version { get; init; }

    /// <summary>The newest version of the runtime specification that it understands; null where it does not say.</summary>
    public Version? SpecificationVersion { get; init; }

    /// <summary>Its features document (runtime-spec features.md); null where it has none.</summary>
    public JsonElement? Features { get; init; }
}
