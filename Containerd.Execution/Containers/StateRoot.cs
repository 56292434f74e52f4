using System.IO.Abstractions;
using System.Text.Json;

namespace Containerd.Execution;

/// <summary>The directory of all containers: <c>format</c>, <c>lock</c>, <c>containers/ID</c>. Several processes share it.</summary>
internal sealed class StateRoot
{
    private const string Component = "Containerd.Execution";
    private const int CurrentFormat = 1;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly IFileSystem fileSystem;
    private readonly string containers;

    /// <summary>Opens a root, or makes it.</summary>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.FailedPrecondition"/>: it is another component's, or of another format.</exception>
    public StateRoot(IFileSystem fileSystem, string path)
    {
        this.fileSystem = fileSystem;
        fileSystem.Directory.CreateDirectory(path, OwnerOnly);
        CheckFormat(Path.Join(path, "format"));
        // CVE-2024-25621: what was made by hand before may be open to all.
        fileSystem.File.SetUnixFileMode(path, OwnerOnly);
        containers = Path.Join(path, "containers");
        fileSystem.Directory.CreateDirectory(containers, OwnerOnly);
    }

    public string PathOf(string id) => Path.Join(containers, id);

    /// <summary>Makes a container's directory.</summary>
    /// <param name="id">The container.</param>
    /// <param name="fill">Writes what must be in it before anybody finds it.</param>
    /// <returns>Null where there is one already.</returns>
    public StateDirectory? TryAdd(string id, Action<StateDirectory> fill)
    {
        StateDirectory hidden = StateDirectory.Make(fileSystem, containers);
        try
        {
            fill(hidden);
            if (hidden.TryRename(PathOf(id)) is { } directory)
                return directory;
        }
        catch
        {
            hidden.Remove();
            throw;
        }
        hidden.Remove();
        return null;
    }

    /// <summary>The directories of all containers.</summary>
    public IReadOnlyList<string> List() => [.. All().Where(path => !IsHidden(path)).Order(StringComparer.Ordinal)];

    /// <summary>Directories that were being made or deleted when their process died.</summary>
    public IReadOnlyList<string> ListUnfinished() => [.. All().Where(IsHidden)];

    public StateDirectory? TryTake(string path) => StateDirectory.TryTake(fileSystem, path);

    public ContainerState? ReadState(string path) => StateFile.Read(fileSystem, path);

    private string[] All() => fileSystem.Directory.GetDirectories(containers);

    private static bool IsHidden(string path) => Path.GetFileName(path).StartsWith('.');

    private void CheckFormat(string path)
    {
        if (!fileSystem.File.Exists(path))
        {
            string version = typeof(StateRoot).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";
            string next = $"{path}.{Guid.NewGuid():N}";
            fileSystem.File.WriteAllBytes(next, JsonSerializer.SerializeToUtf8Bytes(new StateFormat(Component, CurrentFormat, version), StateJson.Default.StateFormat));
            fileSystem.File.Move(next, path, overwrite: true);
            return;
        }
        StateFormat? format = null;
        try
        {
            format = JsonSerializer.Deserialize(fileSystem.File.ReadAllBytes(path), StateJson.Default.StateFormat);
        }
        catch (JsonException)
        {
            // Said below: whatever it is, it is not ours.
        }
        if (format?.Component != Component)
            throw new ContainerdException(ErrorKind.FailedPrecondition, $"'{path}' is not of {Component}: the directory belongs to something else.") { Subject = path };
        if (format.Format != CurrentFormat)
        {
            throw new ContainerdException(
                ErrorKind.FailedPrecondition,
                $"'{path}' says format {format.Format}, written by version {Excerpt.OfMessage(format.WrittenBy)}; this version reads format {CurrentFormat}. Delete its containers with that version first.")
            {
                Subject = path,
            };
        }
    }
}
