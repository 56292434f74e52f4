namespace Containerd.Snapshots;

/// <summary>What a step of a pattern stands for.</summary>
internal enum PatternTokenKind
{
    /// <summary>One character of some.</summary>
    Characters,

    /// <summary>Any characters of one name, or none (<c>*</c>).</summary>
    InName,

    /// <summary>The choice to leave out <see cref="Directories"/>, which follows (<c>**</c>).</summary>
    NoDirectory,

    /// <summary>Any characters, a slash being the last of them (<c>**</c>).</summary>
    Directories,

    /// <summary>Any characters, or none (<c>**</c> at the end).</summary>
    Everything,
}
