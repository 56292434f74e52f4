using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>The file <c>format</c> of a root: whose it is, and in which version. Nothing else in a root is looked at before it.</summary>
internal sealed record StoreFormat
{
    public const string FileName = "format";
    public const string NewFileName = "format.new";

    private const string OwnComponent = "containerd.snapshots.overlay";
    private const int OwnVersion = 1;
    private const int MaxBytes = 4096;

    [JsonPropertyName("component"), JsonRequired]
    public required string Component { get; init; }

    [JsonPropertyName("version"), JsonRequired]
    public required int Version { get; init; }

    [JsonPropertyName("writer"), JsonRequired]
    public required string Writer { get; init; }

    private static string LibraryVersion =>
        typeof(StoreFormat).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown";

    /// <summary>Checks the format of a root.</summary>
    /// <returns>False where the root has none.</returns>
    public static bool Check(string root)
    {
        string path = Path.Join(root, FileName);
        if (Read(path) is not { } format)
            return false;
        if (format.Component != OwnComponent)
        {
            throw new ContainerdException(
                ErrorKind.FailedPrecondition,
                $"Root '{Excerpt.Of(root)}' belongs to '{Excerpt.Of(format.Component)}', not to '{OwnComponent}'. Nothing in it was touched; use another directory.")
            { Subject = root };
        }
        if (format.Version != OwnVersion)
        {
            throw new ContainerdException(
                ErrorKind.NotSupported,
                $"Root '{Excerpt.Of(root)}' has format version {format.Version}, written by version {Excerpt.Of(format.Writer)}; this library (version {LibraryVersion}) reads format version {OwnVersion}. "
                + "Nothing in it was touched; use the library it was written with, or another directory.")
            { Subject = root };
        }
        return true;
    }

    /// <summary>Marks an empty root as a store: the file is whole or not there, also after power loss.</summary>
    public static void Write(string root, SafeFileHandle rootHandle)
    {
        string path = Path.Join(root, NewFileName);
        var format = new StoreFormat { Component = OwnComponent, Version = OwnVersion, Writer = LibraryVersion };
        using (var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            file.Write(JsonSerializer.SerializeToUtf8Bytes(format, StoreJson.Default.StoreFormat));
            file.WriteByte((byte)'\n');
            file.Flush(flushToDisk: true);
        }
        int errno = Sys.Rename(rootHandle, NewFileName, rootHandle, FileName);
        if (errno == 0)
            errno = Sys.SyncFileSystem(rootHandle);
        if (errno != 0)
            throw Failure("Making a store in", root, errno);
    }

    private static StoreFormat? Read(string path)
    {
        byte[] text = new byte[MaxBytes];
        int length;
        try
        {
            using FileStream file = File.OpenRead(path);
            length = file.ReadAtLeast(text, text.Length, throwOnEndOfStream: false);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        try
        {
            return JsonSerializer.Deserialize(text.AsSpan(0, length), StoreJson.Default.StoreFormat)
                ?? throw new JsonException("It holds null.");
        }
        catch (JsonException e)
        {
            throw new ContainerdException(
                ErrorKind.DataCorrupted, $"Root format '{Excerpt.Of(path)}' is damaged: {Excerpt.Of(e.Message)} Nothing in the root was touched.", e)
            { Subject = path };
        }
    }
}
