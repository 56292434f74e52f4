using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;

namespace Containerd.Architecture;

/// <summary>Native code is called from one folder of each package, and its types do not leave it.</summary>
public partial class InteropWallTests
{
    [TestCaseSource(typeof(Repository), nameof(Repository.Packages))]
    public void Native_functions_are_declared_in_Interop_alone(string package)
    {
        using var file = new PEReader(File.OpenRead(Assembly.Load(package).Location));
        MetadataReader metadata = file.GetMetadataReader();
        var outside =
            from handle in metadata.MethodDefinitions
            let method = metadata.GetMethodDefinition(handle)
            where method.Attributes.HasFlag(MethodAttributes.PinvokeImpl)
            let outermost = OutermostType(metadata, method.GetDeclaringType())
            where outermost != "Interop"
            select $"{outermost}: {metadata.GetString(method.Name)}";

        Assert.That(outside, Is.Empty);
    }

    [TestCaseSource(typeof(Repository), nameof(Repository.Packages))]
    public void Imports_are_written_in_the_Interop_folder_alone(string package)
    {
        var outside =
            from source in Repository.Sources(package)
            where !source.StartsWith("Interop/", StringComparison.Ordinal)
            where Import().IsMatch(File.ReadAllText(Path.Join(Repository.ProjectDirectory(package), source)))
            select source;

        Assert.That(outside, Is.Empty);
    }

    [TestCaseSource(typeof(Repository), nameof(Repository.Packages))]
    public void Public_signatures_show_no_native_handle(string package)
    {
        const BindingFlags Declared =
            BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        var shown =
            from type in Assembly.Load(package).GetExportedTypes()
            from method in type.GetMethods(Declared).Cast<MethodBase>().Concat(type.GetConstructors(Declared))
            where method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly
            from parameter in method is MethodInfo { ReturnParameter: var result } ? method.GetParameters().Append(result) : method.GetParameters()
            where IsNative(parameter)
            // Delegates have a constructor that takes a function pointer.
            where !(type.IsSubclassOf(typeof(Delegate)) && method.IsConstructor)
            select $"{type.Name}.{method.Name}: {parameter}";

        Assert.That(shown, Is.Empty);
    }

    private static bool IsNative(ParameterInfo parameter)
    {
        Type type = parameter.ParameterType.IsByRef ? parameter.ParameterType.GetElementType()! : parameter.ParameterType;
        return type == typeof(nint) || type == typeof(nuint) || type.IsPointer || type.IsFunctionPointer
            || (type == typeof(int) && Descriptor().IsMatch(parameter.Name ?? ""));
    }

    private static string OutermostType(MetadataReader metadata, TypeDefinitionHandle handle)
    {
        TypeDefinition type = metadata.GetTypeDefinition(handle);
        while (type.IsNested)
            type = metadata.GetTypeDefinition(type.GetDeclaringType());
        return metadata.GetString(type.Name);
    }

    [GeneratedRegex(@"^\s*\[(assembly:\s*)?(DllImport|LibraryImport)\b", RegexOptions.Multiline)]
    private static partial Regex Import();

    [GeneratedRegex(@"^(fd|fileDescriptor)$|(Fd|FileDescriptor)$")]
    private static partial Regex Descriptor();
}
