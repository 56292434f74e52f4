namespace Containerd.Images;

/// <summary>How <see cref="ImageImporter"/> names what it imports.</summary>
public sealed record ImageImportOptions
{
    /// <summary>The name to give, whatever the archive says. Only for an archive with exactly one image.</summary>
    /// <value>Null: the names that the archive gives.</value>
    public string? Name { get; init; }

    /// <summary>The repository to which tags belong that the archive gives without one: <c>registry.internal/team/app</c>.</summary>
    /// <value>Null: an image that has only a tag, or no name, is an error.</value>
    public string? Repository { get; init; }

    /// <summary>Whether a name that stands for another image already may be given to the imported one.</summary>
    /// <value>False: whoever made the archive does not decide about names that exist.</value>
    public bool ReplaceExisting { get; init; }
}
