using System.IO.Abstractions;
using System.Text.Json;

namespace Containerd.Execution;

/// <summary>Reads and writes <c>state.json</c>; a reader sees the old one or the new one.</summary>
internal static class StateFile
{
    private const string Name = "state.json";
    private const int MaxBytes = 64 * 1024;

    /// <returns>Null where there is none.</returns>
    public static ContainerState? Read(IFileSystem fileSystem, string directory)
    {
        string path = Path.Join(directory, Name);
        return StorageError.Guard("Reading", path, () => ReadCore(fileSystem, path));
    }

    private static ContainerState? ReadCore(IFileSystem fileSystem, string path)
    {
        try
        {
            if (fileSystem.FileInfo.New(path).Length > MaxBytes)
                throw new ContainerdException(ErrorKind.DataCorrupted, $"'{path}' is no container's state: it is too large.") { Subject = path };
            return JsonSerializer.Deserialize(fileSystem.File.ReadAllBytes(path), StateJson.Default.ContainerState);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException e)
        {
            throw new ContainerdException(ErrorKind.DataCorrupted, $"'{path}' is no container's state: {Excerpt.OfMessage(e.Message)}", e) { Subject = path };
        }
    }

    public static void Write(IFileSystem fileSystem, string directory, ContainerState state)
    {
        string path = Path.Join(directory, Name);
        string next = $"{path}.next";
        StorageError.Guard("Writing", path, () =>
        {
            fileSystem.File.WriteAllBytes(next, JsonSerializer.SerializeToUtf8Bytes(state, StateJson.Default.ContainerState));
            fileSystem.File.Move(next, path, overwrite: true);
        });
    }
}
