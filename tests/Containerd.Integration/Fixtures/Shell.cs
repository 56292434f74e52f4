using System.Diagnostics;

namespace Containerd.Integration.Fixtures;

/// <summary>Runs the real programs that tests prepare and compare with.</summary>
internal static class Shell
{
    /// <summary>Runs a program to its end and returns its output; a failure fails the test with what the program said.</summary>
    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.That(process.ExitCode, Is.Zero, $"{program} {string.Join(' ', arguments)}:\n{await error}");
        return await output;
    }
}
